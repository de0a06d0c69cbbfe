"""Smooths a track's probabilities over time: an exponential average of their logarithms."""

import math
from collections.abc import Collection, Sequence
from typing import Final

LEAST: Final = 1e-6
"""Probabilities are cut off here, so that one sure frame can't weigh without bound."""


class Smoother:
    """The smoothed emotions of one camera's tracks.

    Averaging logits (logarithms of probabilities, up to a constant that softmax removes) lets frames
    add up as evidence; the outcome is steadier, but no longer calibrated.

    Args:
        half_life_seconds: after this time a frame weighs half; 0: no smoothing.
    """

    def __init__(self, half_life_seconds: float) -> None:
        self._half_life_seconds = half_life_seconds
        self._tracks: dict[int, tuple[float, list[float]]] = {}

    def smooth(self, track: int, probabilities: Sequence[float], seconds: float) -> list[float]:
        """Return the smoothed probabilities (sum 1) of a track at this capture time."""
        logits = [math.log(max(probability, LEAST)) for probability in probabilities]
        before = self._tracks.get(track)
        if before and len(before[1]) == len(logits):
            weight = self._weight(seconds - before[0])
            logits = [old + weight * (new - old) for old, new in zip(before[1], logits, strict=True)]
        self._tracks[track] = (seconds, logits)
        return _softmax(logits)

    def last_seen(self, track: int) -> float | None:
        """Return when a track was last smoothed, None if never."""
        before = self._tracks.get(track)
        return before[0] if before else None

    def keep(self, alive: Collection[int]) -> None:
        """Forget all other tracks."""
        if len(self._tracks) > len(alive):
            self._tracks = {track: state for track, state in self._tracks.items() if track in alive}

    def _weight(self, passed: float) -> float:
        """Return how much a new frame weighs after so many seconds."""
        return 1.0 - 0.5 ** (passed / self._half_life_seconds) if self._half_life_seconds else 1.0


def _softmax(logits: Sequence[float]) -> list[float]:
    highest = max(logits)
    powers = [math.exp(logit - highest) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]
