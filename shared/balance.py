"""Latency percentiles and ledger balances, reckoned from what Redis holds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from shared.messages import Outcome
from shared.records import LATENCY_BUCKETS_MS

MEANINGS: Final[Mapping[str, str]] = {
    Outcome.OVERTAKEN: "gave way to a newer one of its camera",
    Outcome.STALE: "waited longer than the deadline",
    Outcome.LATE: "came after its camera had moved on",
    Outcome.INVALID: "could not be used",
    Outcome.LOST_WORKER: "was held by a worker that died",
    Outcome.POISON: "was held by two workers that died",
    Outcome.RECORDER_DOWN: "did not fit while nobody recorded",
    Outcome.REDIS_DOWN: "did not fit while Redis was away",
    Outcome.LOST: "was never heard of again",
}
"""What became of a frame that was not recorded: `the frame …`."""


class Latency(Struct, frozen=True, kw_only=True):
    """Capture → confirmed in Redis over the last minutes, in ms; None where nothing was recorded."""

    frames: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Ledger(Struct, frozen=True, kw_only=True):
    """What became of the captured frames: captured = recorded + sum(dropped) + in_flight."""

    captured: int = 0
    recorded: int = 0
    dropped: dict[str, int] = {}
    """Outcome → frames, only those that occurred."""
    in_flight: int = 0


def latency_of(histogram: Mapping[str, int]) -> Latency:
    """Return the percentiles of a histogram {upper bound in ms, or inf: frames}, interpolated in its buckets.

    Frames above the highest bound are taken to lie at it.
    """
    total = sum(histogram.values())
    if not total:
        return Latency()
    p50, p95, p99 = (_percentile(histogram, share * total) for share in (0.5, 0.95, 0.99))
    return Latency(frames=total, p50_ms=p50, p95_ms=p95, p99_ms=p99)


def balance_of(counts: Mapping[str, int]) -> Ledger:
    """Return a ledger from `Store.ledger`'s counts."""
    reasons = [outcome.value for outcome in Outcome if outcome is not Outcome.RECORDED]
    return Ledger(
        captured=counts.get("captured", 0),
        recorded=counts.get("recorded", 0),
        dropped={reason: counts[reason] for reason in reasons if counts.get(reason)},
        in_flight=counts.get("in_flight", 0),
    )


def sum_balances(ledgers: Iterable[Ledger]) -> Ledger:
    """Return the ledger of several cameras together."""
    total, dropped = Ledger(), Counter[str]()
    for ledger in ledgers:
        dropped.update(ledger.dropped)
        total = Ledger(
            captured=total.captured + ledger.captured,
            recorded=total.recorded + ledger.recorded,
            dropped=dict(dropped),
            in_flight=total.in_flight + ledger.in_flight,
        )
    return total


def sum_counts(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Return the sum of several histograms."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total


def _percentile(histogram: Mapping[str, int], rank: float) -> float:
    low, passed = 0.0, 0
    for bound in LATENCY_BUCKETS_MS:
        inside = histogram.get(str(bound), 0)
        if inside and passed + inside >= rank:
            return round(low + (bound - low) * (rank - passed) / inside, 1)
        low, passed = float(bound), passed + inside
    return low
