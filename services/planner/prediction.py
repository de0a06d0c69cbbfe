"""What a simulation showed, for one shard or for many."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Prediction:
    """What a simulation showed.

    Attributes:
        cameras: how many.
        seconds: simulated, warm-up included.
        offered: frames captured.
        fates: outcome → frames; together all that were captured.
        per_second: frames recorded a second, after warm-up.
        latencies: of recorded frames after warm-up, in seconds, with the number of shards each stands for.
        cores: service → cores in use, after warm-up.
        per_camera: lowest and highest number of recorded frames of a camera.
    """

    cameras: int
    seconds: float
    offered: int
    fates: Counter[str]
    per_second: float
    latencies: list[tuple[NDArray[Any], int]] = field(repr=False)
    cores: dict[str, float] = field(default_factory=dict)
    per_camera: tuple[int, int] = (0, 0)

    def latency_ms(self, percent: float) -> float:
        """Return a percentile of capture → recorded in ms; 0 where nothing was recorded."""
        values = np.concatenate([values for values, _ in self.latencies])
        weights = np.concatenate([np.full(len(values), weight) for values, weight in self.latencies])
        if not len(values):
            return 0.0
        order = np.argsort(values)
        reached = np.cumsum(weights[order])
        return float(values[order][np.searchsorted(reached, reached[-1] * percent / 100)]) * 1000

    def figures(self) -> dict[str, Any]:
        """Return all of it as plain values, rounded for people."""
        cores = {"all": sum(self.cores.values()), **self.cores}
        return {
            "cameras": self.cameras,
            "seconds": round(self.seconds, 1),
            "offered": self.offered,
            "fates": {str(fate): count for fate, count in sorted(self.fates.items())},
            "offered_per_second": round(self.offered / self.seconds, 1),
            "frames_per_second": round(self.per_second, 1),
            "latency_ms": {f"p{percent}": round(self.latency_ms(percent), 1) for percent in (50, 95, 99)},
            "cores": {service: round(used, 3) for service, used in cores.items()},
            "per_camera": list(self.per_camera),
        }

    def take(self, one: "Prediction", count: int) -> None:
        """Add what so many shards do of which this is one."""
        first = not self.cameras
        self.cameras += count * one.cameras
        self.seconds = max(self.seconds, one.seconds)
        self.offered += count * one.offered
        self.fates.update({fate: count * frames for fate, frames in one.fates.items()})
        self.per_second += count * one.per_second
        self.latencies += [(values, weight * count) for values, weight in one.latencies]
        for service, cores in one.cores.items():
            self.cores[service] = self.cores.get(service, 0.0) + count * cores
        low, high = one.per_camera if first else self.per_camera
        self.per_camera = min(low, one.per_camera[0]), max(high, one.per_camera[1])
