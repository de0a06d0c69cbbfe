"""Draws faces and what was read on them into a picture."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.emotions import UNCERTAIN
from shared.vision.analysis_records import FaceAnalysis

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

COLOURS: Final[dict[str, Colour]] = {
    "angry": (60, 60, 220),
    "disgust": (60, 150, 60),
    "fear": (190, 90, 160),
    "happy": (40, 190, 240),
    "neutral": (170, 170, 170),
    "sad": (210, 130, 50),
    "surprise": (80, 140, 250),
    UNCERTAIN: (120, 120, 120),
}
"""Blue, green, red; each can carry black or white text."""
_OTHER: Final[Colour] = (200, 200, 200)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


def annotate(picture: Image, faces: Sequence[FaceAnalysis]) -> Image:
    """Return a copy of a (H, W, 3) uint8 picture with a box and a label such as `happy 97 %` for each face.

    A face that is not certain is drawn grey, with a question mark. Lines and letters grow with the picture.
    """
    drawn = picture.copy()
    unit = max(1.0, min(picture.shape[:2]) / 480)
    for face in faces:
        colour = COLOURS.get(face.emotion if face.certain else UNCERTAIN, _OTHER)
        left, top = round(face.box[0]), round(face.box[1])
        right, bottom = round(face.box[0] + face.box[2]), round(face.box[1] + face.box[3])
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, round(2 * unit), cv2.LINE_AA)
        share = face.probabilities[face.emotion]
        label = f"{face.emotion}{'' if face.certain else '?'} {share * 100:.0f} %"
        _write(drawn, label, (left, top), colour, unit)
    return drawn


def _write(picture: Image, label: str, corner: tuple[int, int], colour: Colour, unit: float) -> None:
    """Write on a filled plate above the corner, moved inside the picture where it would leave it."""
    size, thickness, margin = 0.5 * unit, max(1, round(unit)), round(4 * unit)
    (wide, high), below = cv2.getTextSize(label, _FONT, size, thickness)
    height, width = picture.shape[:2]
    plate = (wide + 2 * margin, high + below + 2 * margin)
    left = max(0, min(corner[0], width - plate[0]))
    top = max(0, min(corner[1] - plate[1], height - plate[1]))
    cv2.rectangle(picture, (left, top), (left + plate[0], top + plate[1]), colour, cv2.FILLED)
    place = (left + margin, top + margin + high)
    cv2.putText(picture, label, place, _FONT, size, _ink(colour), thickness, cv2.LINE_AA)


def _ink(colour: Colour) -> Colour:
    """Return black or white, whichever stands out more (luma of ITU-R BT.601)."""
    blue, green, red = colour
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 127 else (255, 255, 255)
