"""Turns Ctrl-C and SIGTERM into a polite request."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(request: Callable[[], None]) -> Iterator[None]:
    """Within, Ctrl-C and SIGTERM call `request` instead of ending the process; meant for the main thread."""

    def handle(_signal: int, _frame: object) -> None:
        request()

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
