"""A real `mien up` for tests: started, watched, and gone afterwards whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from shared.config import RedisSettings
from shared.errors import StoreError
from shared.store import Store
from tests.waiting import wait_for

MIEN = [sys.executable, "-m", "services.cli"]
START_SECONDS = 40.0


def mien(*arguments: str, run_dir: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a `mien` command against the stack of a run directory, to its end."""
    variables = {**os.environ, "MIEN_RUN_DIR": str(run_dir), **environment}
    return subprocess.run([*MIEN, *arguments], env=variables, capture_output=True, text=True, timeout=60)


def _hear_hangups() -> None:
    """Tests under nohup ignore SIGHUP, and so would a stack that they start."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class RunningStack:
    """`mien up` with these arguments while the context is entered.

    Args:
        folder: for run directory, data and log; its path must be short enough for sockets.
        arguments: of `mien up`, behind `--ephemeral --port 0`.
        redis: URL of the Redis it uses; None: the embedded one.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        ephemeral: bool = True,
        redis: str | None = None,
        **environment: str,
    ) -> None:
        self.run_dir = folder / "run"
        self.output = folder / "up.log"
        keep = ["--ephemeral"] if ephemeral else []
        self._command = [
            *MIEN,
            "up",
            *keep,
            "--port",
            "0",
            *arguments,
            *(["--redis", redis] if redis else []),
        ]
        self._environment = {**os.environ, "MIEN_RUN_DIR": str(self.run_dir), **environment}
        url = redis or f"unix://{self.run_dir}/redis.sock"
        self.store = Store(RedisSettings(url=url), self.run_dir)
        self.process: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, psutil.Process] = {}

    def __enter__(self) -> Self:
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_hear_hangups,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.output.read_text())
        self.children()
        if self.supervisor.poll() is None:
            self.supervisor.terminate()
            self.supervisor.wait(10)
        self.store.close()

    @property
    def supervisor(self) -> "subprocess.Popen[bytes]":
        """The `mien up` process."""
        assert self.process is not None
        return self.process

    def children(self) -> list[psutil.Process]:
        """Return the processes below the supervisor, and remember them."""
        try:
            found = psutil.Process(self.supervisor.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self._seen |= {child.pid: child for child in found}
        return found

    def left_over(self) -> list[psutil.Process]:
        """Return the processes that were seen below the supervisor and still live."""
        return [
            process
            for process in self._seen.values()
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

    def pids(self, service: str) -> dict[str, int]:
        """Return the pids of a service's living processes by instance."""
        return {
            sign.instance: sign.pid for sign in self._read(self.store.health, []) if sign.service == service
        }

    def wait_for_result(self, camera: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Return a result that was captured after this call."""
        asked_ns = time.time_ns()

        def newest() -> dict[str, Any] | None:
            latest = self._read(lambda: self.store.latest(camera), None)
            return latest if latest and latest["captured_ns"] > asked_ns else None

        result = wait_for(newest, f"a result of camera {camera}", seconds)
        assert result is not None
        self.children()
        return result

    def wait_until(self, service: str, count: int, seconds: float = START_SECONDS) -> dict[str, int]:
        """Return the pids by instance once so many processes of a service are working."""

        def working() -> bool:
            signs = [sign for sign in self._read(self.store.health, []) if sign.service == service]
            return len(signs) == count and all(sign.state == "working" for sign in signs)

        wait_for(working, f"{count} working {service} processes", seconds)
        self.children()
        return self.pids(service)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to stop; return how many seconds it took."""
        self.children()
        began = time.monotonic()
        self.supervisor.send_signal(number)
        self.supervisor.wait(15)
        return time.monotonic() - began

    def text(self) -> str:
        """Return what it has printed."""
        return self.output.read_text()

    def record(self) -> dict[str, Any]:
        """Return what it tells other commands."""
        record: dict[str, Any] = json.loads((self.run_dir / "stack.json").read_text())
        return record

    @staticmethod
    def _read(read: Any, otherwise: Any) -> Any:
        try:
            return read()
        except StoreError:
            return otherwise
