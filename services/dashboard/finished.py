"""The timeline's buckets that are over are read once: nothing is added to them any more."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from shared import timeline
from shared.timeline import HOUR, MINUTE, Bucket, Span

SETTLED_SECONDS: Final = 600
"""Results that had to wait, for a recorder or for Redis, are counted so long after a bucket's end."""
MOST_KEPT: Final = 60_000
"""Buckets, some 700 bytes each: what as many cameras as a broker takes show of an hour and of a day."""

_Key = tuple[str, str, int]
"""Camera, zone, length of a bucket."""


class Counts(timeline.Source, Protocol):
    """What of `Store` is read."""

    def has_minutes(self, camera: str, unix_hour: int) -> bool:
        """See Store."""


class FinishedBuckets:
    """Reads buckets, and remembers those that are made of minutes and are over. May be shared by threads.

    Args:
        store: where counts are read; each call may raise StoreError.
        clock: seconds since 1970.
    """

    def __init__(self, store: Counts, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._kept: OrderedDict[_Key, dict[int, Bucket | None]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def buckets(self, camera: str, span: Span, zone: str = "") -> list[Bucket]:
        """Return the buckets of which frames were recorded, in order; see `shared.timeline.buckets`."""
        if not MINUTE <= span.step < HOUR:  # results are not kept for long, and hours are few
            return timeline.buckets(self._store, camera, span, zone)
        key = (camera, zone, span.step)
        starts = range(span.since, span.until, span.step)
        known = self._known(key, starts)
        unknown = [start for start in starts if start not in known]
        if unknown:
            part = Span(unknown[0], unknown[-1] + span.step, span.step)
            found = {each.start: each for each in timeline.buckets(self._store, camera, part, zone)}
            fresh = {start: found.get(start) for start in range(part.since, part.until, part.step)}
            self._keep(key, fresh)
            known |= fresh
        return [bucket for start in starts if (bucket := known[start])]

    def _known(self, key: _Key, starts: range) -> dict[int, Bucket | None]:
        """Return what is remembered of these buckets: start → bucket, None: nothing was recorded."""
        with self._lock:
            kept = self._kept.get(key, {})
            known = {start: kept[start] for start in starts if start in kept}
        oldest = next((start for start, bucket in known.items() if bucket), None)
        if oldest is None or self._store.has_minutes(key[0], oldest // HOUR):
            return known
        with self._lock:  # somebody has deleted what was recorded of this camera
            for other in [other for other in self._kept if other[0] == key[0]]:
                self._count -= len(self._kept.pop(other))
        return {}

    def _keep(self, key: _Key, fresh: dict[int, Bucket | None]) -> None:
        until = self._clock() - SETTLED_SECONDS - key[2]
        over = {start: bucket for start, bucket in fresh.items() if start <= until}
        if not over:
            return
        with self._lock:
            kept = self._kept.setdefault(key, {})
            self._count -= len(kept)
            kept.update(over)
            self._count += len(kept)
            self._kept.move_to_end(key)
            while self._count > MOST_KEPT:
                self._count -= len(self._kept.popitem(last=False)[1])
