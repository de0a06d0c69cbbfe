"""Follows faces from frame to frame: a constant-velocity Kalman filter per box, and the best assignment.

The scheme is SORT (Bewley et al., 2016, arXiv:1602.00763) with two changes: it runs on capture time, not on
frame counts, because frames are dropped under load; and boxes are compared by distance-IoU (Zheng et al.,
2020, arXiv:1911.08287), so that a fast face whose boxes no longer overlap keeps its track.

Plain numbers and no arrays: a frame has one face or a few, for which arrays take ten times as long.
"""

import math
from collections.abc import Sequence
from typing import Final

import lap
import numpy as np

Box = Sequence[float]
"""Four numbers in pixels: x, y, width, height of a box; of a place: centre x, centre y, width, height."""

MEASURED_STD: Final = 0.05
"""Of a box's centre and sides, in parts of its size (as in SORT and DeepSORT)."""
ACCELERATION_STD: Final = (4.0, 1.0)
"""Of the centre and of the sides, in sizes per second squared: a head sets off within 0.25 s."""
FIRST_SPEED_STD: Final = 1.0
"""Of a new track, in sizes per second."""
LEAST_SIMILARITY: Final = -0.25
"""Distance-IoU; two equal boxes side by side, 1.2 widths apart, have about this."""
LARGEST_RATIO: Final = 2.0
"""Of the sides of one face in two frames."""
KEEP_ORDER: Final = 1e-9
"""Decides between equal choices, as two faces at the same place: the sum of products is largest in order."""
IMPOSSIBLE: Final = -10.0
"""Stands for a pair that can't be one face, below any sum of possible ones that would leave a pair out."""


class _Track:
    """One face's motion. Centre and sides have a variance each; within both, the two coordinates share it."""

    def __init__(self, number: int, place: Box, seconds: float) -> None:
        self.number, self.seen = number, seconds
        self.place, self.speed = list(place), [0.0] * 4
        size2 = place[2] * place[3]
        first = [MEASURED_STD**2 * size2, 0.0, FIRST_SPEED_STD**2 * size2]
        self.variances = (first, first.copy())
        """Of place, of place with speed, of speed."""

    def predict(self, passed: float) -> None:
        """Move on by so many seconds."""
        size2 = self.place[2] * self.place[3]
        self.place = [place + speed * passed for place, speed in zip(self.place, self.speed, strict=True)]
        self.place[2:] = [max(side, 1.0) for side in self.place[2:]]
        for variance, acceleration in zip(self.variances, ACCELERATION_STD, strict=True):
            noise = acceleration**2 * size2 * passed**2
            variance[0] += 2 * passed * variance[1] + passed**2 * variance[2] + noise * passed**2 / 4
            variance[1] += passed * variance[2] + noise * passed / 2
            variance[2] += noise

    def correct(self, place: Box, seconds: float) -> None:
        """Take in where the face was found."""
        error = MEASURED_STD**2 * self.place[2] * self.place[3]
        for axes, variance in zip(((0, 1), (2, 3)), self.variances, strict=True):
            gain, speed_gain = variance[0] / (variance[0] + error), variance[1] / (variance[0] + error)
            for axis in axes:
                missed = place[axis] - self.place[axis]
                self.place[axis] += gain * missed
                self.speed[axis] += speed_gain * missed
            variance[2] -= speed_gain * variance[1]
            variance[0] *= 1 - gain
            variance[1] *= 1 - gain
        self.seen = seconds


class Tracker:
    """The tracks of one camera.

    Args:
        memory_seconds: how long a track outlives its face.
        highest: highest number given out so far; numbers of a camera are never used again.
    """

    def __init__(self, memory_seconds: float, highest: int = 0) -> None:
        self.highest = highest
        self._memory_seconds = memory_seconds
        self._tracks: list[_Track] = []
        self._seconds = 0.0

    @property
    def numbers(self) -> list[int]:
        """The tracks that are alive, with or without a face in the last frame."""
        return [track.number for track in self._tracks]

    def follow(self, boxes: Sequence[Box], seconds: float) -> list[int]:
        """Return the track number of each face of the next frame.

        Args:
            boxes: of its faces.
            seconds: capture time; a step back ends all tracks (a video began again).
        """
        passed, self._seconds = seconds - self._seconds, seconds
        oldest = seconds - self._memory_seconds
        self._tracks = [track for track in self._tracks if oldest <= track.seen and passed >= 0]
        for track in self._tracks:
            track.predict(passed)
        places = [(x + width / 2, y + height / 2, width, height) for x, y, width, height in boxes]
        found = {
            face: self._tracks[row] for row, face in assign([track.place for track in self._tracks], places)
        }
        for face, track in found.items():
            track.correct(places[face], seconds)
        return [
            found[face].number if face in found else self._start(place) for face, place in enumerate(places)
        ]

    def _start(self, place: Box) -> int:
        self.highest += 1
        self._tracks.append(_Track(self.highest, place, self._seconds))
        return self.highest


def assign(tracks: Sequence[Box], faces: Sequence[Box]) -> list[tuple[int, int]]:
    """Return pairs (track, face) with the highest sum of similarities, leaving out impossible ones.

    Args:
        tracks: predicted places.
        faces: found places.
    """
    similar = [
        (row, column, similarity)
        for row, track in enumerate(tracks)
        for column, face in enumerate(faces)
        if (similarity := distance_iou(track, face)) > LEAST_SIMILARITY
        and _ratio(track, face) < LARGEST_RATIO
    ]
    rows, columns = {row for row, _, _ in similar}, {column for _, column, _ in similar}
    if len(rows) == len(columns) == len(similar):  # nobody has a choice
        return [(row, column) for row, column, _ in similar]
    cost = np.full((len(tracks), len(faces)), -IMPOSSIBLE)
    for row, column, similarity in similar:
        cost[row, column] = -similarity - KEEP_ORDER * row * column
    _, columns_of_rows, _ = lap.lapjv(cost, extend_cost=True)
    pairs = ((row, int(column)) for row, column in enumerate(columns_of_rows) if column >= 0)
    return [(row, column) for row, column in pairs if cost[row, column] < -IMPOSSIBLE]


def distance_iou(one: Box, other: Box) -> float:
    """Return how alike two places are: overlap over union, less squared centre distance over the diagonal's.

    Returns:
        In (-1, 1]; 1 for equal places.
    """
    x, y, width, height = one
    other_x, other_y, other_width, other_height = other
    distance_x, distance_y = abs(x - other_x), abs(y - other_y)
    # Along one axis, two boxes share min(a, b, (a + b) / 2 - d) and span max(a, b, (a + b) / 2 + d).
    half_x, half_y = (width + other_width) / 2, (height + other_height) / 2
    shared_x, shared_y = (
        min(width, other_width, half_x - distance_x),
        min(height, other_height, half_y - distance_y),
    )
    outer_x, outer_y = (
        max(width, other_width, half_x + distance_x),
        max(height, other_height, half_y + distance_y),
    )
    shared = shared_x * shared_y if shared_x > 0 and shared_y > 0 else 0.0
    union = width * height + other_width * other_height - shared
    return shared / union - (distance_x**2 + distance_y**2) / (outer_x**2 + outer_y**2)


def _ratio(one: Box, other: Box) -> float:
    """Return by how much the sides differ at most, 1 for equal ones."""
    return math.exp(max(abs(math.log(one[2] / other[2])), abs(math.log(one[3] / other[3]))))
