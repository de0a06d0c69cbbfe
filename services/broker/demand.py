"""How much work arrives compared with what the workers can do: the figure that autoscaling follows."""

import math


class Rate:
    """Events per second, averaged exponentially over about five seconds."""

    _SECONDS = 5.0

    def __init__(self) -> None:
        self._value = 0.0
        self._at: float | None = None

    def count(self, now: float, events: int = 1) -> None:
        """Note events that happen now."""
        self._value = self.per_second(now) + events / self._SECONDS
        self._at = now

    def per_second(self, now: float) -> float:
        """Return the rate now."""
        if self._at is None:
            return 0.0
        return self._value * math.exp(-max(0.0, now - self._at) / self._SECONDS)


class JobTime:
    """Mean seconds that a job keeps a worker busy, averaged over about fifty jobs."""

    _WEIGHT = 0.02

    def __init__(self) -> None:
        self.mean_seconds = 0.0
        self._count = 0

    def note(self, seconds: float) -> None:
        """Note one finished job."""
        self._count += 1
        weight = max(self._WEIGHT, 1 / self._count)
        self.mean_seconds += weight * (seconds - self.mean_seconds)
