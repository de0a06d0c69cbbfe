"""How long to wait before a camera is opened again."""

import random


class Backoff:
    """Waits that double from `first` to `most` seconds, each with full jitter.

    Full jitter (a uniform share of the wait) keeps cameras that died together from coming back together:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self, first_seconds: float, most_seconds: float, chance: random.Random) -> None:
        self._first_seconds, self._most_seconds, self._chance = first_seconds, most_seconds, chance
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure, never quite zero."""
        ceiling = min(self._most_seconds, self._first_seconds * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return self._chance.uniform(0.1 * min(self._first_seconds, ceiling), ceiling)

    def succeeded(self) -> None:
        """Begin with the first wait again."""
        self._failures = 0
