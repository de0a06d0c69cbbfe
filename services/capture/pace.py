"""When a frame is taken and when it is due: rate limit and schedule, without a clock of their own."""

from typing import Final

_SLACK: Final = 0.1
"""Share of the interval by which a frame may be early: arrival times jitter."""
MOST_LATE_SECONDS: Final = 1.0
"""Later than this is no overload but a pause (a stopped process, a sleeping laptop)."""


class Limiter:
    """Lets at most so many frames a second through, without drifting below a rate that the source has,
    and of those each n-th.

    Args:
        fps: frames a second; None: all.
        every: of those, each n-th.
    """

    def __init__(self, fps: float | None, every: int = 1) -> None:
        self._every, self._passed = every, 0
        self._interval_seconds = 1 / fps if fps else 0.0
        self._next: float | None = None

    def take(self, at_seconds: float) -> bool:
        """Say whether to take the frame that came at this time (any clock that does not go back)."""
        due = self._next
        if due is not None and at_seconds < due - _SLACK * self._interval_seconds:
            return False
        self._passed += 1
        keeps_up = due is not None and at_seconds < due + self._interval_seconds
        self._next = (due if due is not None and keeps_up else at_seconds) + self._interval_seconds
        return self._passed % self._every == 1 % self._every


class Schedule:
    """Maps a source's own timeline to the clock: when each frame of a file or picture is due."""

    def __init__(self) -> None:
        self._anchor: float | None = None

    def due(self, timeline_seconds: float, now: float) -> float:
        """Return the clock time at which the frame is due; after a long pause the schedule begins anew."""
        if self._anchor is None or now - (self._anchor + timeline_seconds) > MOST_LATE_SECONDS:
            self._anchor = now - timeline_seconds
        return self._anchor + timeline_seconds
