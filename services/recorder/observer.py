"""Turns what Redis has confirmed into metrics; the only part of the recorder that knows them."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from shared import metrics
from shared.store import Advance, Applied
from shared.store_figures import Books
from shared.topology import STAGES

FORGET_SECONDS: Final = 60.0
AUDIT_SECONDS: Final = 10.0


class Observer:
    """Counts confirmed frames, faces and latencies.

    Args:
        confirmed: told of each write, before it is counted.
        wall_ns: the broker's wall clock in ns.
    """

    def __init__(self, confirmed: Callable[[], None], wall_ns: Callable[[], int]) -> None:
        self._confirmed, self._wall_ns = confirmed, wall_ns
        self._heard: dict[str, float] = {}
        self._audit_at = 0.0
        self._stages = {stage: metrics.STAGE.labels(stage=stage) for stage in STAGES}

    def observe(self, entry: Advance, applied: Applied) -> None:
        """Count what an entry changed in Redis; a repeat changes nothing."""
        self._confirmed()
        self._heard[entry.camera] = time.monotonic()
        for outcome, number in applied.counted.items():
            metrics.FRAMES.labels(camera=entry.camera, outcome=outcome).inc(number)
        if entry.result and applied.recorded:
            facts = entry.result.facts
            latency = (self._wall_ns() - facts.captured_ns) / 1e9
            if latency < 0:
                metrics.CLOCK_CLAMPS.inc()
            metrics.END_TO_END.labels(camera=entry.camera).observe(max(0.0, latency))
            for emotion, number in facts.emotions.items():
                metrics.FACES.labels(camera=entry.camera, emotion=emotion).inc(number)
            for stage, seconds in facts.stages.items():
                self._stages[stage].observe(seconds)

    def audit(self, read_books: Callable[[str], Books]) -> None:
        """Show how the ledgers of this recorder's cameras stand, if it is time; may raise StoreError."""
        if time.monotonic() < self._audit_at:
            return
        for camera in list(self._heard):
            books = read_books(camera)
            metrics.LEDGER_IN_FLIGHT.labels(camera=camera).set(books.in_flight)
            metrics.LEDGER_IMBALANCE.labels(camera=camera).set(books.imbalance)
        self._audit_at = time.monotonic() + AUDIT_SECONDS

    def forget(self, wanted: Iterable[str]) -> None:
        """Drop the series of cameras that nobody wants and that were quiet for a minute."""
        now = time.monotonic()
        for camera in set(self._heard) - set(wanted):
            if now - self._heard[camera] > FORGET_SECONDS:
                del self._heard[camera]
                metrics.forget_camera(camera)
