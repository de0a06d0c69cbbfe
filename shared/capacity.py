"""How many workers a demand asks for, and whether the machines have cores left for them."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from shared import topology

CROWDED: Final = 0.92
"""A host whose cores are this busy gains nothing from another worker."""
NEAR_LIMIT: Final = 0.85
"""A demand ratio over this leaves no room for a busier moment."""
LESS_WORK: Final = {
    topology.DETECTOR.name: "Lower the cameras' fps or detector.width, or add a machine.",
    topology.CLASSIFIER.name: "Lower the cameras' fps, or add a machine or a GPU.",
    topology.RECORDER.name: "Lower the cameras' fps, or give Redis and the recorder a machine of their own.",
}
"""Service → what helps where no core is free for another worker."""


class Load(StrEnum):
    """How much of what its workers can do a service is asked for."""

    ABSENT = "absent"
    OVER = "over"
    NEAR = "near"
    FINE = "fine"


def load_of(workers: int, ratio: float | None) -> Load:
    """Return a service's load.

    Args:
        workers: how many it has.
        ratio: its demand, as in `mien_demand_ratio`; None: it has none.
    """
    if not workers:
        return Load.ABSENT
    if ratio is None or ratio <= NEAR_LIMIT:
        return Load.FINE
    return Load.OVER if ratio > 1 else Load.NEAR


class Placed(Protocol):
    """What is needed of a worker: where it runs, and how busy that host is."""

    @property
    def host(self) -> str:
        """Name of its host."""

    @property
    def cores(self) -> int:
        """Of its host; 0: not known."""

    @property
    def host_busy(self) -> float:
        """Share of its host's cores in use, 0 to 1."""


def enough_workers(workers: Sequence[Placed], ratio: float) -> int:
    """Return how many workers of a service keep up with its demand.

    Args:
        workers: those there are.
        ratio: their demand, as in `mien_demand_ratio`; one over 1 asks for one more at least.

    Returns:
        The number that brings the ratio to 1 or below, but no more new ones than cores are free on their
        hosts, and one new one at least.
    """
    present = len(workers)
    needed = max(present + 1, math.ceil(ratio * max(1, present)))
    free = sum(cores * (1 - busy) for cores, busy in _hosts(workers).values())
    known = all(worker.cores for worker in workers)
    return min(needed, present + max(1, math.floor(free))) if present and known else needed


def crowded_hosts(workers: Sequence[Placed]) -> list[str]:
    """Return the workers' hosts if the cores of every one of them are used up, else none."""
    hosts = _hosts(workers)
    crowded = [host for host, (cores, busy) in hosts.items() if cores and busy >= CROWDED]
    return crowded if len(crowded) == len(hosts) else []


def _hosts(workers: Sequence[Placed]) -> dict[str, tuple[int, float]]:
    """Return host → (cores, busy share): of its processes' views the least busy, each of its own second."""
    hosts: dict[str, tuple[int, float]] = {}
    for worker in workers:
        _, busy = hosts.get(worker.host, (0, 1.0))
        hosts[worker.host] = (worker.cores, min(busy, worker.host_busy))
    return hosts
