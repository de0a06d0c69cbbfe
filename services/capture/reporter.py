"""What a camera's process tells its parent, and when."""

from collections.abc import Callable
from typing import Final, Literal, Protocol

from shared.capture_link import Report

REPORT_SECONDS: Final = 0.5


class Counted(Protocol):
    """The part of a window that a report states."""

    captured: int


class Reporter:
    """Tells the parent how the camera does: at each change, and each half second as a sign of life."""

    def __init__(self, run: int, window: Counted, report: Callable[[Report], None]) -> None:
        self._run, self._window, self._report = run, window, report
        self._size = (0, 0)
        self._due = 0.0
        self._counted = (0.0, 0)
        self._fps = 0.0

    def captured(self, width: int, height: int) -> None:
        """Note a captured frame; the first one, and one of a new size, is reported at once."""
        if self._size != (width, height):
            self._size = (width, height)
            self.say("live")

    def tick(self, now: float) -> None:
        """Report if it is time; to be called at least each half second while nothing blocks."""
        if now >= self._due:
            self._due = now + REPORT_SECONDS
            self._measure(now)
            self.say("live" if self._size[0] else "connecting")

    def say(self, state: Literal["live", "connecting", "ended"], detail: str = "") -> None:
        """Report at once."""
        self._report(
            Report(
                state=state,
                detail=detail,
                run=self._run,
                captured=self._window.captured,
                width=self._size[0],
                height=self._size[1],
                fps=self._fps,
            )
        )

    def _measure(self, now: float) -> None:
        began, captured = self._counted
        if now - began >= 1.0:
            self._fps = round((self._window.captured - captured) / (now - began), 2) if began else 0.0
            self._counted = (now, self._window.captured)
