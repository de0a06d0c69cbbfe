"""YuNet through ONNX Runtime: 2.6 times as fast as OpenCV's own on the same file, on CPU or GPU.

The outputs' meaning is that of the authors' code (github.com/ShiqiYu/libfacedetection.train; Wu et al.,
"YuNet: A Tiny Millisecond-level Face Detector", 2023): on grids of 8, 16 and 32 pixels, per cell the
probabilities of class and object, the box centre's offset and the logarithm of its size in cells, and five
points in cells.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol, Self

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.config import DetectorSettings
from shared.errors import ArtefactError
from shared.vision.faces import FoundFace, Image, shrink, to_faces

STRIDES: Final = (8, 16, 32)
OUTPUTS: Final = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
DEFAULT_WIDTH: Final = 640
OVERLAP: Final = 0.3
"""Of two boxes that overlap by more (intersection over union), the one with the lower score goes."""
MAX_CANDIDATES: Final = 5000
MAX_SIZES: Final = 8
"""Frame sizes whose buffers are kept; cameras of a stack seldom have more."""
PROVIDERS: Final = ("CUDAExecutionProvider", "CPUExecutionProvider")

Floats = NDArray[np.float32]


class Session(Protocol):
    """What is used of `onnxruntime.InferenceSession`."""

    def run(self, output_names: Sequence[str], input_feed: dict[str, Floats]) -> Sequence[Floats]:
        """Return the named outputs."""


class OnnxYuNet:
    """The network on one session; the input's buffers are kept between frames, results are not."""

    remedy: str | None = None

    def __init__(self, session: Session, settings: DetectorSettings) -> None:
        self._width = settings.width or DEFAULT_WIDTH
        self.name = f"yunet-onnx-{self._width}"
        self._session = session
        self._score = settings.score
        self._inputs: dict[tuple[int, int], Floats] = {}

    @classmethod
    def load(cls, weights: Path, settings: DetectorSettings) -> Self:
        """Open the weights on a GPU where ONNX Runtime has one, else on `settings.threads` threads.

        Raises:
            ArtefactError: the file isn't YuNet in ONNX.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
        try:
            session = onnxruntime.InferenceSession(weights.read_bytes(), options, providers=providers)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise ArtefactError(
                f"{weights} is not an ONNX file that can be run: {str(error)[:200]}"
            ) from None
        check_network(session, str(weights))
        return cls(session, settings)

    def detect(self, frame: Image) -> list[FoundFace]:
        """Return every face of a (H, W, 3) uint8 picture (blue, green, red), largest first."""
        small, scale_x, scale_y = shrink(frame, self._width)
        blob = self._fill(small)
        outputs = self._session.run(OUTPUTS, {"input": blob})
        boxes, scores, points = decode(outputs, blob.shape[3], self._score)
        keep = suppress(boxes, scores, OVERLAP)
        return to_faces(boxes[keep], scores[keep], points[keep], (scale_x, scale_y))

    def _fill(self, small: Image) -> Floats:
        """Copy the picture into the input, sides filled up to a multiple of 32 with black.

        One plane at a time: a sixth of what `cv2.dnn.blobFromImage` takes.
        """
        height, width = small.shape[:2]
        blob = self._inputs.get((height, width))
        if blob is None:
            if len(self._inputs) == MAX_SIZES:
                self._inputs.clear()
            blob = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
            self._inputs[height, width] = blob
        for plane, channel in zip(blob[0], cv2.split(small), strict=True):
            plane[:height, :width] = channel
        return blob


def check_network(session: Any, name: str) -> None:  # ONNX Runtime has no annotations
    """Refuse another network, and the forms of YuNet that take one picture size only.

    Raises:
        ArtefactError: it is not YuNet for any size.
    """
    inputs = {each.name: each.shape for each in session.get_inputs()}
    remedy = "get the right file by `mien fetch`"
    if "input" not in inputs or not set(OUTPUTS) <= {output.name for output in session.get_outputs()}:
        raise ArtefactError(f"{name} is not YuNet: it lacks outputs such as cls_8; {remedy}")
    if any(isinstance(side, int) for side in inputs["input"][2:]):
        raise ArtefactError(f"{name} takes pictures of one size only, {inputs['input'][2:]}; {remedy}")


def decode(outputs: Sequence[Floats], width: int, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Return candidates from the twelve outputs, in the order of `OUTPUTS`.

    Args:
        outputs: (1, cells, 1), (1, cells, 4) or (1, cells, 10) each.
        width: of the network's input in pixels.
        threshold: candidates with a lower score are left out; the score is sqrt(class x objectness).

    Returns:
        (N, 4) boxes x, y, width, height; (N,) scores; (N, 10) points; in pixels of the input.
    """
    found: list[tuple[Floats, Floats, Floats]] = []
    for level, stride in enumerate(STRIDES):
        classes, objects, boxes, points = (outputs[kind * len(STRIDES) + level][0] for kind in range(4))
        squares = classes[:, 0] * objects[:, 0]
        hits = np.flatnonzero(squares >= threshold * threshold)
        if len(hits):
            scores = np.sqrt(squares[hits])
            found.append(_place(boxes[hits], scores, points[hits], hits, stride, width // stride))
    if not found:
        return np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 10), np.float32)
    all_boxes, all_scores, all_points = (np.concatenate(parts) for parts in zip(*found, strict=True))
    best = np.argsort(-all_scores, kind="stable")[:MAX_CANDIDATES]
    return all_boxes[best], all_scores[best], all_points[best]


def _place(
    boxes: Floats, scores: Floats, points: Floats, cells: NDArray[np.intp], stride: int, columns: int
) -> tuple[Floats, Floats, Floats]:
    corner = np.stack((cells % columns, cells // columns), axis=1).astype(np.float32)
    size = np.exp(boxes[:, 2:]) * stride
    origin = (corner + boxes[:, :2]) * stride - size / 2
    places = (points + np.tile(corner, 5)) * stride
    return np.concatenate((origin, size), axis=1), scores, places


def suppress(boxes: Floats, scores: Floats, overlap: float) -> list[int]:
    """Return the rows that stay when of overlapping boxes only the best is kept; boxes come best first."""
    areas = boxes[:, 2] * boxes[:, 3]
    ends = boxes[:, :2] + boxes[:, 2:]
    left = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        keep.append(best)
        sides = np.minimum(ends[best], ends[left]) - np.maximum(boxes[best, :2], boxes[left, :2])
        common = np.prod(np.maximum(sides, 0), axis=1)
        left = left[common <= overlap * (areas[best] + areas[left] - common)]
    return keep
