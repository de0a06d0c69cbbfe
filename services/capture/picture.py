"""What is done to a picture before it is sent: turned, made small enough, encoded."""

import math
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.codec import MAX_HEADER_BYTES, MAX_MESSAGE_BYTES
from shared.config import CameraSettings
from shared.messages import Encoding, Part

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8, in the order blue, green, red."""
Fit = Callable[[Picture], Picture]

MAX_BYTES: Final = MAX_MESSAGE_BYTES - MAX_HEADER_BYTES
MAX_SIDE: Final = 16_384
_TURNS: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def make_fit(settings: CameraSettings) -> Fit:
    """Return the function that turns and shrinks this camera's pictures."""
    return lambda picture: shrink(turn(picture, settings.rotate), settings.width)


def turn(picture: Picture, degrees: int) -> Picture:
    """Turn clockwise by 0, 90, 180 or 270 degrees."""
    return np.asarray(cv2.rotate(picture, _TURNS[degrees]), np.uint8) if degrees else picture


def shrink(picture: Picture, width: int | None) -> Picture:
    """Make a picture at most `width` wide, and small enough for a message; never larger."""
    size = fitting_size(picture.shape[1], picture.shape[0], width)
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def fitting_size(width: int, height: int, wanted_width: int | None) -> tuple[int, int]:
    """Return (width, height) in the same ratio, within the wanted width and a raw message's bounds."""
    scale = min(
        1.0,
        (wanted_width or width) / width,
        MAX_SIDE / max(width, height),
        math.sqrt(MAX_BYTES / (width * height * 3)),
    )
    return (
        (max(1, math.floor(width * scale)), max(1, math.floor(height * scale)))
        if scale < 1
        else (width, height)
    )


def encode(picture: Picture, encoding: Encoding, jpeg_quality: int) -> Part:
    """Return a frame's payload: JPEG, or the raw rows without a copy (the picture must not change after)."""
    if encoding is Encoding.BGR:
        return np.ascontiguousarray(picture).data.cast("B")
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return data.data.cast("B")
