"""When a worker sleeps for a fuller batch: only where the sleep is likely to bring one."""

from math import inf


class Company:
    """Jobs that come at least every `wait_seconds` are worth waiting for; who comes alone goes on at once.

    Args:
        wait_seconds: how long a worker sleeps; 0: never.
    """

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._gathered_at = -inf

    def sleep_seconds(self, now: float) -> float:
        """Return how long to sleep when the first job of a batch is there and the batch has room."""
        return self._wait_seconds if now - self._gathered_at <= self._wait_seconds else 0.0

    def gathered(self, now: float) -> None:
        """Note that a batch is complete."""
        self._gathered_at = now
