"""Wiring of capture's parent: follows the wanted cameras of its group and runs a child process for each."""

import random
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from services.capture.children import Child, ChildProcess
from services.capture.follower import Follower
from services.capture.service import CaptureService
from shared import metrics, topology
from shared.beats import Beats
from shared.capture_link import Task
from shared.config import Settings
from shared.demo import declare_cameras
from shared.errors import MienError
from shared.pulse import Pulse
from shared.records import CameraState
from shared.service import start_process
from shared.store import Store

LOOK_SECONDS: Final = 0.25
STOP_SECONDS: Final = 3.0


class Parent:
    """The parent's loop."""

    def __init__(self, settings: Settings, instance: str, follower: Follower, pulse: Pulse) -> None:
        self._follower, self._pulse = follower, pulse
        self._reconnects: dict[str, int] = {}
        self._stop_asked = threading.Event()

        def start(task: Task) -> Child:
            return ChildProcess(task, instance, settings.config)

        self._service = CaptureService(settings.capture, start, instance, random.Random())

    def stop(self) -> None:
        """Ask the loop to end."""
        self._stop_asked.set()

    def run(self) -> None:
        """Look after the cameras until stopped; then end their children."""
        while not self._stop_asked.is_set():
            now = time.monotonic()
            for camera in self._service.follow(self._follower.wanted or {}, now):
                self._reconnects.pop(camera, None)
                metrics.forget_camera(camera)
            self._look(now)
            self._pulse.turn()
            self._follower.states = self._service.states()
            self._measure(self._follower.states)
        self._service.stop(time.monotonic())
        until = time.monotonic() + STOP_SECONDS
        while self._service.children() and time.monotonic() < until:
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        self._service.poll(now)
        select.select(self._service.children(), [], [], LOOK_SECONDS)

    def _measure(self, states: Sequence[CameraState]) -> None:
        for state in states:
            if state.state in ("paused", "ended"):
                metrics.CAMERA_UP.remove_by_labels({"camera": state.camera})
            else:
                metrics.CAMERA_UP.labels(camera=state.camera).set(state.state == "live")
            again = state.reconnects - self._reconnects.get(state.camera, 0)
            metrics.CAMERA_RECONNECTS.labels(camera=state.camera).inc(again)
            self._reconnects[state.camera] = state.reconnects


def declaration(settings: Settings, store: Store) -> Callable[[], object] | None:
    """Return what makes the cameras of the settings wanted; None where that is somebody else's to do."""
    wish, group = settings.capture.declare, settings.capture.group
    if wish == "never":
        return None
    return lambda: declare_cameras(store, settings.cameras, group, use_demo=wish == "demo")


def main() -> None:
    """Run until SIGTERM."""
    instance, settings = start_process(topology.CAPTURE.name)
    store = Store(settings.redis, settings.run_dir)
    pulse = Pulse(topology.CAPTURE.name, instance)
    try:
        port = metrics.start_server(settings.metrics, topology.CAPTURE.metrics_port, pulse.answer)
    except MienError as error:
        print(f"mien capture: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    follower = Follower(store, settings.capture.group, instance, declaration(settings, store))
    pulse.state = lambda: follower.state
    parent = Parent(settings, instance, follower, pulse)
    signal.signal(signal.SIGTERM, lambda *_: parent.stop())
    health = Beats(
        settings, topology.CAPTURE.name, instance, store,
        health=lambda: (follower.state, {"cameras": len(follower.states)}), metrics_port=port, beating=False,
    )  # fmt: skip
    health.start()
    follower.start()
    parent.run()
    follower.stop()
    health.stop()


if __name__ == "__main__":
    main()
