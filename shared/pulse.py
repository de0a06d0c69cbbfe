"""Whether a process's main loop still turns: what it answers when somebody asks how it does."""

import time
from collections.abc import Callable
from typing import Any, Final

STUCK_SECONDS: Final = 10.0
"""A loop turns several times a second, and a step may last as long as a lease."""


class Pulse:
    """Noted by the main loop, read by the thread that answers.

    Attributes:
        state: says in a word or two what the process does or waits for. Waiting for others is no illness.

    Args:
        service: as in the topology.
        instance: this process's name.
    """

    def __init__(self, service: str, instance: str) -> None:
        self.state: Callable[[], str] = lambda: "starting"
        self._service, self._instance = service, instance
        self._turned_at: float | None = None

    def turn(self) -> None:
        """Note that the loop has come round."""
        self._turned_at = time.monotonic()

    def answer(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the process is well, and what it says of itself."""
        age = None if self._turned_at is None else time.monotonic() - self._turned_at
        facts = {"service": self._service, "instance": self._instance, "state": self.state()}
        if age is None:
            return False, facts
        return age < STUCK_SECONDS, {**facts, "loop_age_seconds": round(age, 2)}
