"""What a verdict is made of: the evidence, what is found in it, and the words that several rules share."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from services.dashboard.drops import RecentDrops
from services.dashboard.waterfall import StageTime
from shared.status import Status, WorkerStatus
from shared.store_figures import ServerFigures


class Finding(Struct, frozen=True, kw_only=True):
    """One thing to say."""

    code: str
    """For programs: `bottleneck`, `no_worker`, …"""
    level: Literal["good", "warn", "bad"]
    text: str
    action: dict[str, int] | None = None
    """What `PATCH /api/settings` would take to mend it, such as `{"detectors": 2}`."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What a verdict is made of."""

    status: Status
    drops: RecentDrops
    stages: Sequence[StageTime]
    server: ServerFigures | None
    """None: Redis did not say."""
    objective_ms: float

    def workers(self, service: str) -> list[WorkerStatus]:
        """Return the processes of a service."""
        return [worker for worker in self.status.workers if worker.service == service]


def listed(names: Sequence[str]) -> str:
    """Write a list for people: `a`, `a and b`, `a, b and 3 others`."""
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} others"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
