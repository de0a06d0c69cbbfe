"""Follows faces from frame to frame: a constant-velocity Kalman filter per box, and the best assignment.

The scheme is SORT (Bewley et al., 2016, arXiv:1602.00763) with two changes: it runs on capture time, not on
frame counts, because frames are dropped under load; and boxes are compared by distance-IoU (Zheng et al.,
2020, arXiv:1911.08287), so that a fast face whose boxes no longer overlap keeps its track.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]

MEASURED_STD: Final = 0.05
"""Of a box's centre and sides, in parts of its size (as in SORT and DeepSORT)."""
ACCELERATION_STD: Final = np.array([4.0, 4.0, 1.0, 1.0])
"""Of centre x, y, width, height, in sizes per second squared: a head sets off within 0.25 s."""
FIRST_VELOCITY_STD: Final = 1.0
"""Of a new track, in sizes per second."""
LEAST_SIMILARITY: Final = -0.25
"""Distance-IoU; two equal boxes side by side, 1.2 widths apart, have about this."""
LARGEST_RATIO: Final = 2.0
"""Of the sides of one face in two frames."""


class Tracker:
    """The tracks of one camera.

    Args:
        memory_seconds: how long a track outlives its face.
        highest: highest number given out so far; numbers of a camera are never used again.
    """

    def __init__(self, memory_seconds: float, highest: int = 0) -> None:
        self.highest = highest
        self._memory_seconds = memory_seconds
        self._numbers: list[int] = []
        self._time = 0.0
        self._seen = np.zeros(0)
        """(T,) when each track's face was last found."""
        self._place, self._speed = np.zeros((0, 4)), np.zeros((0, 4))
        """(T, 4) centre x, centre y, width, height in pixels, and their change per second."""
        self._variance = np.zeros((3, 0, 4))
        """(3, T, 4) of place, of place with speed, of speed: the four coordinates are independent."""

    def follow(self, boxes: Floats, seconds: float) -> list[int]:
        """Return the track number of each face of the next frame.

        Args:
            boxes: (N, 4) x, y, width, height in pixels.
            seconds: capture time; a step back ends all tracks (a video began again).
        """
        if seconds < self._time:
            self._keep(np.zeros(len(self._numbers), bool))
        self._predict(seconds - self._time if self._numbers else 0.0)
        self._time = seconds
        self._keep(self._seen >= seconds - self._memory_seconds)
        places = np.column_stack([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]]) if len(boxes) else boxes
        rows, faces = self._assign(places)
        self._correct(rows, places[faces])
        self._seen[rows] = seconds
        found = {int(face): self._numbers[row] for row, face in zip(rows, faces, strict=True)}
        return [found.get(face) or self._start(places[face]) for face in range(len(places))]

    @property
    def numbers(self) -> list[int]:
        """The tracks that are alive, with or without a face in the last frame."""
        return list(self._numbers)

    def _assign(self, places: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pair tracks and faces so that the sum of similarities is highest, leaving out impossible pairs."""
        if not self._numbers or not len(places):
            return np.zeros(0, np.intp), np.zeros(0, np.intp)
        similarity = distance_iou(self._place, places)
        ratio = self._place[:, None, 2:] / places[None, :, 2:]
        possible = (similarity > LEAST_SIMILARITY) & (np.maximum(ratio, 1 / ratio).max(-1) < LARGEST_RATIO)
        rows, faces = linear_sum_assignment(np.where(possible, similarity, -10.0), maximize=True)
        good = possible[rows, faces]
        return rows[good], faces[good]

    def _predict(self, passed: float) -> None:
        place, both, speed = self._variance
        noise = (ACCELERATION_STD * self._sizes()) ** 2
        self._place = self._place + self._speed * passed
        self._place[:, 2:] = np.maximum(self._place[:, 2:], 1.0)
        self._variance = np.stack(
            [
                place + 2 * passed * both + passed**2 * speed + noise * passed**4 / 4,
                both + passed * speed + noise * passed**3 / 2,
                speed + noise * passed**2,
            ]
        )

    def _correct(self, rows: NDArray[np.intp], places: Floats) -> None:
        place, both, speed = self._variance[:, rows]
        error = (MEASURED_STD * self._sizes()[rows]) ** 2
        gain, speed_gain = place / (place + error), both / (place + error)
        missed = places - self._place[rows]
        self._place[rows] += gain * missed
        self._speed[rows] += speed_gain * missed
        self._variance[:, rows] = np.stack([(1 - gain) * place, (1 - gain) * both, speed - speed_gain * both])

    def _start(self, place: Floats) -> int:
        self.highest += 1
        self._numbers.append(self.highest)
        self._seen = np.append(self._seen, self._time)
        self._place, self._speed = np.vstack([self._place, place]), np.vstack([self._speed, np.zeros(4)])
        size = np.sqrt(place[2] * place[3])
        first = np.array([(MEASURED_STD * size) ** 2, 0.0, (FIRST_VELOCITY_STD * size) ** 2])
        self._variance = np.concatenate([self._variance, np.tile(first[:, None, None], (1, 1, 4))], axis=1)
        return self.highest

    def _keep(self, alive: NDArray[np.bool_]) -> None:
        if alive.all():
            return
        self._numbers = [number for number, keep in zip(self._numbers, alive, strict=True) if keep]
        self._seen, self._place, self._speed = self._seen[alive], self._place[alive], self._speed[alive]
        self._variance = self._variance[:, alive]

    def _sizes(self) -> Floats:
        return np.sqrt(self._place[:, 2:3] * self._place[:, 3:4])


def distance_iou(ones: Floats, others: Floats) -> Floats:
    """Return how alike boxes are: overlap over union, less squared centre distance over enclosing diagonal.

    Args:
        ones: (M, 4) centre x, centre y, width, height.
        others: (N, 4) the same.

    Returns:
        (M, N) in (-1, 1]; 1 for equal boxes.
    """
    one, other = ones[:, None], others[None]
    low = np.maximum(one[..., :2] - one[..., 2:] / 2, other[..., :2] - other[..., 2:] / 2)
    high = np.minimum(one[..., :2] + one[..., 2:] / 2, other[..., :2] + other[..., 2:] / 2)
    shared = np.maximum(high - low, 0.0).prod(-1)
    union = one[..., 2:].prod(-1) + other[..., 2:].prod(-1) - shared
    outer_low = np.minimum(one[..., :2] - one[..., 2:] / 2, other[..., :2] - other[..., 2:] / 2)
    outer_high = np.maximum(one[..., :2] + one[..., 2:] / 2, other[..., :2] + other[..., 2:] / 2)
    diagonal = ((outer_high - outer_low) ** 2).sum(-1)
    distance = ((one[..., :2] - other[..., :2]) ** 2).sum(-1)
    similarity: Floats = shared / union - distance / diagonal
    return similarity
