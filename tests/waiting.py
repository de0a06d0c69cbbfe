"""Waiting for events, with a deadline that fails the test."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """Return the condition's first true value; fail after the deadline, naming what did not happen."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"within {seconds:g} s: {what} did not happen")
        time.sleep(0.02)
