"""Follows the wanted cameras of one group: a runner for each, started, changed and stopped as they are."""

import logging
import random
from collections.abc import Mapping

from services.capture.backoff import Backoff
from services.capture.children import Child
from services.capture.runner import CameraRunner, Start
from shared.config import BROWSER, CameraSettings, CaptureSettings
from shared.records import CameraState

logger = logging.getLogger(__name__)


class CaptureService:
    """The cameras of one group.

    Args:
        limits: timeouts and waits.
        start: starts a child process.
        instance: this parent's name.
        chance: for the waits' jitter.
    """

    def __init__(self, limits: CaptureSettings, start: Start, instance: str, chance: random.Random) -> None:
        self._limits, self._start, self._instance, self._chance = limits, start, instance, chance
        self._runners: dict[str, CameraRunner] = {}
        self._leaving: list[CameraRunner] = []

    def follow(self, wanted: Mapping[str, CameraSettings], now: float) -> list[str]:
        """Make the running cameras those wanted of this group; return the names of those removed."""
        mine = {name: camera for name, camera in wanted.items() if self._is_mine(camera)}
        removed = [name for name in self._runners if name not in mine]
        for name in removed:
            logger.info("camera %s: removed", name)
            self._leave(self._runners.pop(name), now)
        for name, settings in mine.items():
            self._want(name, settings, now)
        return removed

    def poll(self, now: float) -> None:
        """Look after every camera."""
        for runner in self._runners.values():
            runner.poll(now)
        for runner in self._leaving:
            runner.poll(now)
        self._leaving = [runner for runner in self._leaving if runner.child is not None]

    def states(self) -> list[CameraState]:
        """Return how the cameras do."""
        return [runner.state() for runner in self._runners.values()]

    def children(self) -> list[Child]:
        """Return the running children, to wait for their reports."""
        runners = [*self._runners.values(), *self._leaving]
        return [runner.child for runner in runners if runner.child is not None]

    def stop(self, now: float) -> None:
        """Ask all children to end; `poll` until `children` is empty."""
        for name in list(self._runners):
            self._leave(self._runners.pop(name), now)

    def _is_mine(self, camera: CameraSettings) -> bool:
        """Those of the group, without those whose pictures come through the dashboard."""
        return camera.group == self._limits.group and camera.source != BROWSER

    def _leave(self, runner: CameraRunner, now: float) -> None:
        runner.stop(now)
        if runner.child is not None:
            self._leaving.append(runner)

    def _want(self, name: str, settings: CameraSettings, now: float) -> None:
        runner = self._runners.get(name)
        if runner is None:
            backoff = Backoff(self._limits.retry_first, self._limits.retry_most, self._chance)
            self._runners[name] = CameraRunner(
                name, settings, self._limits, self._start, backoff, self._instance
            )
            logger.info("camera %s: added", name)
        elif runner.settings != settings:
            logger.info("camera %s: changed", name)
            runner.change(settings, now)
