"""Keeps one camera running: starts its child, watches it, ends a blocked one, waits, starts again."""

import logging
import os
import time
from collections.abc import Callable
from typing import Final

from services.capture.backoff import Backoff
from services.capture.children import Child
from shared.capture_link import Report, Task
from shared.config import CameraSettings, CaptureSettings
from shared.records import CameraState

logger = logging.getLogger(__name__)

START_SECONDS: Final = 30.0
"""For a new process to say its first word, on a very busy machine."""
STOP_SECONDS: Final = 2.0
"""For a child to say END and go; then it is killed."""
STEADY_SECONDS: Final = 15.0
"""Alive so long, a camera's failures are forgotten."""

Start = Callable[[Task], Child]


class CameraRunner:
    """One wanted camera.

    Args:
        name: the camera.
        settings: how to read it.
        limits: timeouts.
        start: starts a child.
        backoff: waits between attempts.
        instance: the parent's name, for the published state.
    """

    def __init__(
        self,
        name: str,
        settings: CameraSettings,
        limits: CaptureSettings,
        start: Start,
        backoff: Backoff,
        instance: str,
    ) -> None:
        self.settings = settings
        self.reconnects = 0
        self._name, self._limits, self._start, self._backoff = name, limits, start, backoff
        self._instance = instance
        self._child: Child | None = None
        self._last = Report(state="connecting")
        self._heard_at = self._live_since = self._retry_at = 0.0
        self._has_spoken = self._is_over = False
        self._kill_at: float | None = None
        self._killed_for = ""
        self._state = ("connecting", "")
        self._since_ns = time.time_ns()

    @property
    def child(self) -> Child | None:
        """The running child, None between attempts."""
        return self._child

    @property
    def is_live(self) -> bool:
        """Whether frames come."""
        return self._state[0] == "live"

    def poll(self, now: float) -> None:
        """Hear the child, judge it, start it when it is time."""
        if self._child is not None:
            for report in self._child.reports():
                self._hear(report, now)
            self._judge(self._child, now)
        elif self.settings.paused:
            self._enter("paused")
        elif not self._is_over and now >= self._retry_at:
            self._launch(now)

    def change(self, settings: CameraSettings, now: float) -> None:
        """Read the camera in another way: the child ends first, then a new one starts."""
        self.settings = settings
        self._backoff.succeeded()
        self._retry_at, self._is_over = now, False
        self.stop(now)

    def stop(self, now: float) -> None:
        """Ask the child to end; `poll` kills it if it doesn't."""
        if self._child is not None and self._kill_at is None:
            self._child.terminate()
            self._kill_at = now + STOP_SECONDS

    def kill(self) -> None:
        """End the child at once."""
        if self._child is not None:
            self._child.kill()

    def state(self) -> CameraState:
        """Return what others may know."""
        report = self._last
        return CameraState(
            camera=self._name,
            state=self._state[0],  # type: ignore[arg-type]
            since_ns=self._since_ns,
            detail=self._state[1],
            width=report.width,
            height=report.height,
            fps=report.fps if self.is_live else 0.0,
            reconnects=self.reconnects,
            captured=report.captured,
            run=report.run,
            instance=self._instance,
        )

    def _launch(self, now: float) -> None:
        if self._state[0] == "lost":
            self.reconnects += 1
        task = Task(
            camera=self._name,
            settings=self.settings.model_dump_json(exclude_defaults=True),
            after_run=self._last.run,
            parent=os.getpid(),
        )
        try:
            self._child = self._start(task)
        except OSError as error:
            self._lose(f"its capture process can't be started: {error.strerror}", now)
            return
        self._heard_at, self._has_spoken = now, False
        self._kill_at, self._killed_for = None, ""
        self._enter("connecting", self._state[1])

    def _hear(self, report: Report, now: float) -> None:
        self._heard_at, self._has_spoken = now, True
        if report.state == "live" and self._last.state != "live":
            self._live_since = now
        if report.state == "live" and now - self._live_since > STEADY_SECONDS:
            self._backoff.succeeded()
        self._last = report if report.run else _say_of(self._last, report)
        if report.state == "live":
            self._enter("live")

    def _judge(self, child: Child, now: float) -> None:
        code = child.exit_code()
        if code is not None:
            for report in child.reports():
                self._hear(report, now)
            child.close()
            self._child = None
            self._bury(code, now)
        elif self._kill_at is not None:
            if now >= self._kill_at:
                child.kill()
        elif now - self._heard_at > self._patience():
            self._killed_for = (
                f"no frame for {self._patience():.0f} s: reading was blocked and is started again"
            )
            self._kill_at = now
            child.kill()

    def _patience(self) -> float:
        if not self._has_spoken:
            return START_SECONDS
        return self._limits.read_timeout if self._last.state == "live" else self._limits.connect_timeout

    def _bury(self, code: int, now: float) -> None:
        """Decide what follows a child's end."""
        stopped = self._kill_at is not None and not self._killed_for
        if stopped:
            return
        if self._last.state == "ended":
            self._is_over = True
            self._enter("ended", self._last.detail)
            return
        detail = self._killed_for or (self._last.detail if self._last.state == "lost" else "")
        self._lose(detail or f"its capture process ended with code {code}; its log says why", now)

    def _lose(self, detail: str, now: float) -> None:
        wait = self._backoff.next()
        self._retry_at = now + wait
        self._enter("lost", detail)
        logger.warning("camera %s: %s (again in %.1f s)", self._name, detail, wait)

    def _enter(self, state: str, detail: str = "") -> None:
        if state != self._state[0]:
            self._since_ns = time.time_ns()
            if state == "live":
                logger.info("camera %s: live, %d x %d", self._name, self._last.width, self._last.height)
        self._state = (state, detail)


def _say_of(known: Report, report: Report) -> Report:
    """Return a report of a child that has no run yet, with the last run's numbers kept."""
    return Report(state=report.state, detail=report.detail, run=known.run, captured=known.captured)
