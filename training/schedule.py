"""Says how much of a stage is done: counted in steps, or, where a run has a time budget, in seconds."""

import time
from collections.abc import Callable

from training.recipe import Stage, time_shares


class Schedule:
    """Progress through the stages of a run.

    With `budget_seconds` each stage gets the share of it that its epochs cost, however many steps that makes:
    on a machine whose speed is unknown or changes, the learning rate still ends at zero in time.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        per_epoch: int,
        budget_seconds: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stages = stages
        self._per_epoch = per_epoch
        self._budget = budget_seconds
        self._ends = [0.0, *time_shares(stages)]
        self._clock = clock
        self._began: float | None = None
        self._earlier = 0.0
        self._index = 0
        self._steps = 0

    def enter(self, index: int, steps: int, seconds: float) -> None:
        """Begin stage `index`, of which `steps` are done already; `seconds` went by in earlier parts of the
        run.
        """
        if self._began is None:
            self._began, self._earlier = self._clock(), seconds
        self._index, self._steps = index, steps

    def advance(self) -> None:
        """One more step is done."""
        self._steps += 1

    def seconds(self) -> float:
        """Seconds spent on the run, earlier parts included."""
        return self._earlier + (self._clock() - self._began if self._began is not None else 0.0)

    def share(self) -> float:
        """Share of the stage that is done, from 0."""
        if self._budget is None:
            return self._steps / (self._stages[self._index].epochs * self._per_epoch)
        start, end = self._ends[self._index : self._index + 2]
        return max(0.0, (self.seconds() / self._budget - start) / (end - start))

    def warmth(self) -> float:
        """How far the warm-up of the learning rate has come: 1 when it is over."""
        warm_up = self._stages[self._index].warm_up_epochs * self._per_epoch
        return min(1.0, (self._steps + 1) / warm_up) if warm_up else 1.0

    def over(self) -> bool:
        """Whether the stage is done."""
        return self.share() >= 1.0
