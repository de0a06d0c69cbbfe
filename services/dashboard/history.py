"""End-to-end latency over time, from the minute histograms that the recorder keeps in Redis."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from shared.balance import latency_of
from shared.status import StatusSource

MOST_POINTS: Final = 120
SETTLED_MINUTES: Final = 2
"""An hour so long past gets no more frames."""


class LatencyPoint(Struct, frozen=True, kw_only=True):
    """All cameras together over some minutes; the percentiles are None where nothing was recorded."""

    start: int
    """Seconds since 1970."""
    seconds: int
    frames: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class LatencyHistory:
    """Reads histograms, and remembers those of past hours.

    Args:
        store: where the minutes are read; each call may raise StoreError.
    """

    def __init__(self, store: StatusSource) -> None:
        self._store = store
        self._past: dict[tuple[str, int], dict[int, Counter[str]]] = {}

    def points(self, cameras: Sequence[str], minutes: int, now_minute: int) -> list[LatencyPoint]:
        """Return at most 120 points that cover the last minutes, oldest first, the running one included.

        Args:
            cameras: names.
            minutes: how far back, 1 or more.
            now_minute: the running minute since 1970.
        """
        step = -(-minutes // MOST_POINTS)
        first = (now_minute - minutes + 1) // step * step
        totals: dict[int, Counter[str]] = {start: Counter() for start in range(first, now_minute + 1, step)}
        for hour in range(first // 60, now_minute // 60 + 1):
            for camera in cameras:
                for minute, histogram in self._hour(camera, hour, now_minute).items():
                    if first <= minute <= now_minute:
                        totals[minute // step * step].update(histogram)
        self._past = {key: kept for key, kept in self._past.items() if key[1] >= first // 60}
        return [self._point(start, step, histogram) for start, histogram in totals.items()]

    def _hour(self, camera: str, hour: int, now_minute: int) -> dict[int, Counter[str]]:
        if (camera, hour) in self._past:
            return self._past[camera, hour]
        rows = self._store.minutes(camera, hour * 60, hour * 60 + 60)
        found = {row["minute"]: Counter(row["latency"]) for row in rows}
        if hour * 60 + 60 + SETTLED_MINUTES <= now_minute:
            self._past[camera, hour] = found
        return found

    @staticmethod
    def _point(start: int, step: int, histogram: Counter[str]) -> LatencyPoint:
        latency = latency_of(histogram)
        return LatencyPoint(
            start=start * 60,
            seconds=step * 60,
            frames=latency.frames,
            p50_ms=latency.p50_ms,
            p95_ms=latency.p95_ms,
            p99_ms=latency.p99_ms,
        )
