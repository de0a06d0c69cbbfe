"""Tries how a face should be framed: which points are put where, and how large, before a network sees it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from shared.config import DetectorSettings
from shared.errors import DataError
from shared.vision.align import FER_BOX, crop_face, cut_square, roll, to_input
from shared.vision.faces import FoundFace, load_detector
from training.data import Pictures
from training.faces import SMALLEST
from training.measure import predict
from training.progress import bar
from training.teacher import load_network

SCALES: Final = (0.9, 1.0, 1.1)
EYES: Final = ((0.324, 0.396), (0.676, 0.397))
"""Medians on 800 FER2013 training pictures, as shares of the picture; right eye, left eye."""
MOUTH: Final = ((0.353, 0.740), (0.648, 0.742))
"""The same of the right and the left mouth corner."""

Picture = NDArray[np.uint8]


class _Square(NamedTuple):
    """A point of the frame in pixels, where it comes to lie in the crop (shares), and the crop's side."""

    at: tuple[float, float]
    target: tuple[float, float]
    side: float


def _as_it_is(face: FoundFace, width: int) -> _Square:
    x, y = face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2
    return _Square((x, y), (x / width, y / width), width)


def _by_box(face: FoundFace, width: int) -> _Square:
    at = (face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2)
    side = math.sqrt(face.box[2] * face.box[3]) / FER_BOX.size
    return _Square(at, (FER_BOX.center_x, FER_BOX.center_y), side)


def _by_eyes(face: FoundFace, width: int) -> _Square:
    return _by_points(_points(face)[:2], np.asarray(EYES))


def _by_eyes_and_mouth(face: FoundFace, width: int) -> _Square:
    return _by_points(_points(face)[[0, 1, 3, 4]], np.asarray(EYES + MOUTH))


def _points(face: FoundFace) -> NDArray[np.float64]:
    return np.asarray(face.landmarks, np.float64).reshape(5, 2)


def _by_points(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> _Square:
    """Put the middle of the points where it belongs, and their spread about it to the right size."""
    at, target = found.mean(0), wanted.mean(0)
    spread = math.sqrt(((found - at) ** 2).sum() / ((wanted - target) ** 2).sum())
    return _Square((at[0], at[1]), (target[0], target[1]), spread)


FRAMINGS: Final[dict[str, Callable[[FoundFace, int], _Square]]] = {
    "none": _as_it_is,
    "box": _by_box,
    "eyes": _by_eyes,
    "eyes and mouth": _by_eyes_and_mouth,
}
"""Name → where a face goes; all turn it upright. `box` at scale 1 is the crop contract's own framing."""


class Located(NamedTuple):
    """A picture enlarged for the detector, (S, S) uint8, and its largest face, None where none was found."""

    picture: Picture
    face: FoundFace | None


def locate(images: Picture) -> Iterator[Located]:
    """Find the face of each of (N, S, S) uint8 grey pictures, enlarged to at least 192 pixels."""
    detector = load_detector(DetectorSettings())
    side = max(SMALLEST, images.shape[1])
    for number in bar(range(len(images)), "finding faces"):
        large = np.asarray(cv2.resize(images[number], (side, side)), np.uint8)
        faces = detector.detect(np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8))
        yield Located(large, faces[0] if faces else None)


def reframe(located: Located, framing: str, scale: float = 1.0) -> Picture:
    """The face as a (96, 96) uint8 crop, `scale` times as large; a picture without a face as it is."""
    picture, face = located
    if face is None:
        return cut_square(picture, picture.shape[1] / 2, picture.shape[0] / 2, picture.shape[1], 0.0)
    if framing == "box" and scale == 1.0:
        return crop_face(picture, face.box, face.landmarks)
    at, target, side = FRAMINGS[framing](face, picture.shape[1])
    angle, side = roll(face.landmarks), max(1.0, side / scale)
    right, down = (0.5 - target[0]) * side, (0.5 - target[1]) * side
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = at[0] + cosine * right - sine * down, at[1] + sine * right + cosine * down
    return cut_square(picture, x, y, side, angle)


@dataclass(frozen=True)
class Trial:
    """What one framing does to one network, against the untouched pictures.

    Attributes:
        run: the network's training run.
        framing: a key of `FRAMINGS`.
        scale: of the face.
        accuracy: over all pictures.
        points: accuracy gained, in points.
        error: half of the 95 % interval of `points`, from the pictures whose answer changed.
    """

    run: str
    framing: str
    scale: float
    accuracy: float
    points: float
    error: float


@dataclass(frozen=True)
class Framed:
    """All trials, accuracy on untouched pictures by run, and how many pictures have no face to frame."""

    pictures: int
    without_face: int
    untouched: dict[str, float]
    trials: tuple[Trial, ...]


def try_framings(runs: Sequence[Path], pictures: Pictures) -> Framed:
    """Measure every framing at every scale with the best network of each run."""
    located = list(locate(pictures.images))
    untouched: dict[str, float] = {}
    trials: list[Trial] = []
    for run in runs:
        network, size = load_network(run, pictures.classes)
        before = _right(
            network,
            size,
            pictures,
            [reframe(Located(one.picture, None), "none") for one in located],
            f"{run.name}, untouched",
        )
        untouched[run.name] = float(before.mean())
        for framing, scale in product(FRAMINGS, SCALES):
            crops = [reframe(one, framing, scale) for one in located]
            after = _right(network, size, pictures, crops, f"{run.name}, {framing} at {scale}")
            trials.append(Trial(run.name, framing, scale, float(after.mean()), *_paired(before, after)))
    missing = sum(one.face is None for one in located)
    return Framed(len(pictures), missing, untouched, tuple(trials))


def _right(
    network: keras.Model, size: int, pictures: Pictures, crops: list[Picture], what: str
) -> NDArray[np.bool_]:
    """Whether the network reads each crop right, (N,), after the way that live crops go."""
    inputs = to_input(np.stack(crops), pictures.images.shape[1], size)[..., 0]
    right: NDArray[np.bool_] = predict(network, inputs, size, what=what).argmax(1) == pictures.labels
    return right


def _paired(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> tuple[float, float]:
    """Points gained, and half of their 95 % interval."""
    difference = after.astype(float) - before.astype(float)
    return 100 * difference.mean(), 196 * difference.std(ddof=1) / math.sqrt(len(difference))


def write_framed(pictures: Pictures, framing: str, out: Path) -> int:
    """Write reframed pictures at their own size below `out`, to train on; returns how many had no face."""
    if (out / pictures.names[0]).with_suffix(".png").exists():
        raise DataError(f"{out} holds pictures already; give a new folder")
    missing = 0
    for name, one in zip(pictures.names, locate(pictures.images), strict=True):
        missing += one.face is None
        crop = to_input(reframe(one, framing)[None], pictures.images.shape[1], pictures.images.shape[1])
        path = (out / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), crop[0, ..., 0])
    return missing


def markdown(found: Framed) -> str:
    """The table for people: a row for each framing, columns for scales, a block for each run."""
    lines = [
        f"{found.pictures} pictures; in {found.without_face} no face was found: they stayed as they are.",
        "",
        "| trained in | framing | " + " | ".join(f"scale {scale}" for scale in SCALES) + " |",
        "|---|---|" + "---|" * len(SCALES),
    ]
    for run, accuracy in found.untouched.items():
        lines.append(f"| {run} | untouched | | {accuracy:.4f} | |")
        for framing in FRAMINGS:
            row = [trial for trial in found.trials if (trial.run, trial.framing) == (run, framing)]
            cells = [f"{trial.accuracy:.4f} ({trial.points:+.1f} ± {trial.error:.1f})" for trial in row]
            lines.append(f"| {run} | {framing} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
