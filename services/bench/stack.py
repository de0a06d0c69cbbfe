"""A stack of its own for a bench: `mien up` in a temporary run directory, with nothing kept."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from shared import process
from shared.config import (
    CameraSettings,
    RedisSettings,
    ScaleSettings,
    Settings,
    environment_overrides,
    load_settings,
)
from shared.errors import StackError, StoreError
from shared.store import Store

START_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 10.0
STOP_SECONDS: Final = 10.0
OF_THE_WORK: Final = ("frames", "detector", "batch", "classifier", "recorder", "log")
"""Sections of the user's settings that count for a bench, too. The others say which cameras, which Redis and
whom to tell: the stack that is measured must not touch them.
"""


class Stack:
    """Runs `mien up` while the context is entered.

    Args:
        folder: for run directory and log.
        overrides: settings of this stack, nested; what they leave out is the user's (`OF_THE_WORK`).
    """

    def __init__(self, folder: Path, overrides: Mapping[str, Any]) -> None:
        self._folder = folder
        self._scale = ScaleSettings(**overrides.get("scale", {}))
        self._environment = own_environment(load_settings(**overrides), folder / "run", overrides)
        self.store = Store(RedisSettings(url=f"unix://{folder}/run/redis.sock"), folder / "run")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with open(self._folder / "up.log", "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", "up", "--ephemeral", "--no-demo"],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=process.die_with_parent,
            )
        needed = {
            "detector": self._scale.detectors,
            "classifier": self._scale.classifiers,
            "recorder": self._scale.recorders,
            "broker": 1,
        }
        try:
            self._wait(lambda: self._working(needed), START_SECONDS, "the stack did not come up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:  # its children die with it
                self._process.kill()
                self._process.wait()
        self.store.close()

    def add_cameras(self, cameras: Mapping[str, CameraSettings]) -> None:
        """Add cameras, and wait until each of them has a result in Redis."""
        for name, camera in cameras.items():
            self.store.put_camera(name, camera)
        self._wait(lambda: all(map(self.store.latest, cameras)), START_SECONDS, "no results came")

    def remove_cameras(self) -> None:
        """Remove all cameras, and wait until the fate of each of their frames is known."""
        names = list(self.store.cameras())
        for name in names:
            self.store.remove_camera(name)
        try:
            self._wait(lambda: not any(map(self.in_flight, names)), SETTLE_SECONDS, "the cameras did not end")
        except StackError as error:
            open_ones = {name: self.store.cursor(name) for name in names if self.in_flight(name)}
            raise StackError(f"{error}; not accounted for: {open_ones}") from None

    def in_flight(self, camera: str) -> int:
        """Return captured frames whose fate is not known; a run that has not ended counts as one."""
        return self.store.ledger(camera)["in_flight"] + (not self.store.cursor(camera).ended)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return the running processes by service; the supervisor and Redis are among them."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        found: dict[str, list[psutil.Process]] = defaultdict(list, supervisor=[parent])
        for child in parent.children(recursive=True):
            try:
                found[_service(child.cmdline())].append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    def _working(self, needed: Mapping[str, int]) -> bool:
        states = [health.service for health in self.store.health() if health.state == "working"]
        return all(states.count(service) >= count for service, count in needed.items())

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process and self._process.poll() is not None:
                break
            try:
                if condition():
                    return
            except StoreError:
                pass
            time.sleep(0.1)
        log = (self._folder / "up.log").read_text(errors="replace").strip().splitlines()
        raise StackError(f"{what} within {seconds:.0f} s; last words: {' | '.join(log[-4:])}")


def own_environment(settings: Settings, run_dir: Path, overrides: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a stack that reads no settings file and keeps to its run directory.

    Args:
        settings: the user's, with the overrides laid over them.
        run_dir: of the stack.
        overrides: as given to `Stack`.
    """
    work = settings.model_dump(mode="json", include=set(OF_THE_WORK), exclude_unset=True, exclude_none=True)
    others = {name: value for name, value in overrides.items() if name not in OF_THE_WORK}
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
    return foreign | environment_overrides(**{"dashboard": {"port": 0}, **others, **work, "run_dir": run_dir})


def _service(command: list[str]) -> str:
    for word in command:
        if word.startswith("services."):
            return word.split(".")[1]
    return "redis" if command and "valkey" in command[0] else "other"
