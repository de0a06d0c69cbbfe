"""How a camera's process names the run that it begins."""

import time
from typing import Any

from services.capture.child import next_run
from shared.capture_link import Task
from shared.errors import StoreError
from shared.records import Cursor

HOUR_MS = 3_600_000


class Ledger:
    """A store as far as a camera's last run goes; None: Redis is away."""

    def __init__(self, run: int | None) -> None:
        self.run = run

    def cursor(self, camera: str) -> Cursor:
        assert camera == "door"
        if self.run is None:
            raise StoreError("Redis does not answer")
        return Cursor(run=self.run)


def begun(ledger: Any, after_run: int = 0) -> int:
    return next_run(Task(camera="door", settings="{}", after_run=after_run), ledger)


def test_a_run_is_named_by_the_time_of_its_opening() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= begun(Ledger(0)) <= time.time_ns() // 1_000_000
    assert begun(Ledger(None)) >= before


def test_a_run_is_later_than_the_last_one_although_the_clock_was_set_back() -> None:
    ahead = time.time_ns() // 1_000_000 + 2 * HOUR_MS
    assert begun(Ledger(ahead)) == ahead + 1
    assert begun(Ledger(ahead), after_run=ahead + 4) == ahead + 5
    assert begun(Ledger(None), after_run=ahead + 4) == ahead + 5
