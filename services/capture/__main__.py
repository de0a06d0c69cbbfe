"""Wiring of capture's parent: follows the wanted cameras of its group and runs a child process for each."""

import logging
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

from services.capture.children import Child, ChildProcess
from services.capture.link import Task
from services.capture.service import CaptureService
from shared import metrics, topology
from shared.beats import Beats
from shared.config import CameraSettings, Settings
from shared.errors import MienError, StoreError
from shared.service import start_process
from shared.store import Store

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.1
STOP_SECONDS: Final = 3.0


class Parent:
    """The parent's loop."""

    def __init__(self, settings: Settings, instance: str, store: Store) -> None:
        self._store = store
        self._wanted: Mapping[str, CameraSettings] = {}
        self._stop_asked = threading.Event()
        self._complained = False

        def start(task: Task) -> Child:
            return ChildProcess(task, instance, settings.config)

        self._service = CaptureService(settings.capture, start, instance, random.Random())

    def stop(self) -> None:
        """Ask the loop to end."""
        self._stop_asked.set()

    def facts(self) -> dict[str, int]:
        """Return facts for the health key."""
        return {"cameras": len(self._service.states())}

    def run(self) -> None:
        """Look after the cameras until stopped; then end their children."""
        poll_at = 0.0
        while not self._stop_asked.is_set():
            now = time.monotonic()
            if now >= poll_at:
                poll_at = now + POLL_SECONDS
                self._follow(now)
            self._look(now)
        self._service.stop(time.monotonic())
        until = time.monotonic() + STOP_SECONDS
        while self._service.children() and time.monotonic() < until:
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        self._service.poll(now)
        select.select(self._service.children(), [], [], LOOK_SECONDS)

    def _follow(self, now: float) -> None:
        """Take what is wanted and publish how cameras do; while Redis is away, keep what there is."""
        try:
            self._wanted = self._store.cameras()
            for camera in self._service.follow(self._wanted, now):
                metrics.forget_camera(camera)
            for state in self._service.states():
                self._store.publish_camera(state)
                metrics.CAMERA_UP.labels(camera=state.camera).set(state.state == "live")
            self._complained = False
        except StoreError as error:
            if not self._complained:
                logger.warning("%s; keeping the cameras there are", error)
            self._complained = True


def main() -> None:
    """Run until SIGTERM."""
    instance, settings = start_process(topology.CAPTURE.name)
    store = Store(settings.redis, settings.run_dir)
    try:
        port = metrics.start_server(settings.metrics, topology.CAPTURE.metrics_port)
    except MienError as error:
        print(f"mien capture: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    parent = Parent(settings, instance, store)
    signal.signal(signal.SIGTERM, lambda *_: parent.stop())
    health = Beats(
        settings, topology.CAPTURE.name, instance, store,
        health=lambda: ("working", parent.facts()), metrics_port=port, beating=False,
    )  # fmt: skip
    health.start()
    parent.run()
    health.stop()


if __name__ == "__main__":
    main()
