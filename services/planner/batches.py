"""How simulated workers gather jobs: as their run loop (shared/loop.py) does."""

from collections.abc import Callable, Sequence

from services.planner.engine import Engine
from shared.company import Company
from shared.messages import Job, Part

Held = tuple[Job, Sequence[Part]]
"""A job and the message in it."""


class Batches:
    """Gathers jobs as the workers' run loop does: the first, what came with it, and after a sleep more."""

    def __init__(
        self, engine: Engine, size: int, wait_seconds: float, begin: Callable[[list[Held]], None]
    ) -> None:
        self._engine, self._size, self._begin = engine, size, begin
        self._company = Company(wait_seconds)
        self._waiting: list[Held] = []
        self._busy = False

    def add(self, job: Held) -> None:
        """Let a job wait for its step."""
        self._waiting.append(job)
        if not self._busy:
            self._gather()

    def end(self) -> None:
        """Begin the next step, now that one is over."""
        self._busy = False
        if self._waiting:
            self._gather()

    def _gather(self) -> None:
        self._busy = True
        sleeps = self._company.sleep_seconds(self._engine.now) if len(self._waiting) < self._size else 0.0
        self._engine.at(self._engine.now + sleeps, self._step)

    def _step(self) -> None:
        self._company.gathered(self._engine.now)
        jobs, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        self._begin(jobs)
