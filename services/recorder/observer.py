"""Turns what Redis has confirmed into metrics; the only part of the recorder that knows them."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from services.recorder.traces import FrameTrace, Tracer
from shared import metrics
from shared.records import Advance, Applied, Recorded
from shared.store_figures import Books
from shared.topology import STAGES

FORGET_SECONDS: Final = 60.0
AUDIT_SECONDS: Final = 10.0


class Observer:
    """Counts confirmed frames, faces and latencies.

    Args:
        confirmed: told of each write, before it is counted.
        wall_ns: the broker's wall clock in ns.
        tracer: takes the traces of sampled frames; None: there are none.
    """

    def __init__(
        self, confirmed: Callable[[], None], wall_ns: Callable[[], int], tracer: Tracer | None = None
    ) -> None:
        self._confirmed, self._wall_ns, self._tracer = confirmed, wall_ns, tracer
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
            self._observe_frame(entry, entry.result)

    def _observe_frame(self, entry: Advance, result: Recorded) -> None:
        facts = result.facts
        latency = (self._wall_ns() - facts.captured_ns) / 1e9
        if latency < 0:
            metrics.CLOCK_CLAMPS.inc()
        latency = max(0.0, latency)
        metrics.END_TO_END.labels(camera=entry.camera).observe(latency)
        for emotion, number in facts.emotions.items():
            metrics.FACES.labels(camera=entry.camera, emotion=emotion).inc(number)
        for stage, seconds in facts.stages.items():
            self._stages[stage].observe(seconds)
        if self._tracer and self._tracer.wants(result.sequence, latency):
            faces = sum(facts.emotions.values())
            self._tracer.offer(
                FrameTrace(
                    entry.camera,
                    entry.run,
                    result.sequence,
                    faces,
                    facts.captured_ns,
                    facts.stages,
                    latency,
                )
            )

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
