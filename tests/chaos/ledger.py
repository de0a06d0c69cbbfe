"""What must hold of the ledger after any fault, read from Redis itself."""

from collections import Counter

from services.bench.stack import Stack


def check_books(stack: Stack, cameras: list[str]) -> None:
    """Every captured frame has exactly one outcome, and the stream holds what the ledger says, once each."""
    for camera in cameras:
        ledger = stack.store.ledger(camera)
        outcomes = {name: n for name, n in ledger.items() if name not in ("captured", "in_flight")}
        assert ledger["in_flight"] == 0, (camera, ledger)
        assert ledger["captured"] == sum(outcomes.values()), (camera, ledger)
        times = Counter((result["run"], result["sequence"]) for result in stack.store.results(camera))
        assert max(times.values()) == 1, (camera, times.most_common(3))
        assert len(times) == ledger["recorded"], (camera, ledger, len(times))


def recorded_between(stack: Stack, camera: str, since_ns: int, until_ns: int) -> int:
    """Return how many frames captured in that time are recorded."""
    return sum(1 for _ in stack.store.results(camera, since_ns, until_ns))
