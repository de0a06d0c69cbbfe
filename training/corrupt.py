"""Spoils pictures the way cameras and framing do, mildly and strongly, to measure what it costs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
SIDE = 96
"""Crops are spoiled at the size at which they travel, before they are reduced to the network's native
size.
"""


@dataclass(frozen=True)
class Corruption:
    """A fault: what it is called, how strong, and a function from a (96, 96) uint8 crop to another."""

    name: str
    strength: str
    apply: Callable[[Image], Image]


def _moved(crop: Image, degrees: float, shift: float) -> Image:
    middle = (SIDE - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    matrix = matrix + np.array([[0, 0, shift * SIDE]] * 2)
    moved = cv2.warpAffine(
        crop, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _darker(factor: float, crop: Image) -> Image:
    return np.round(crop * factor).astype(np.uint8)


def _jpeg(crop: Image, quality: int) -> Image:
    encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _blurred(sigma: float, crop: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


def _graded(
    name: str, unit: str, values: tuple[float, float], change: Callable[[float, Image], Image]
) -> list[Corruption]:
    return [
        Corruption(f"{name} {value:g}{unit}", strength, partial(change, value))
        for strength, value in zip(("mild", "strong"), values, strict=True)
    ]


CORRUPTIONS = (
    *_graded("turned by", "°", (10, 20), lambda value, crop: _moved(crop, value, 0)),
    *_graded("turned by", "°", (-10, -20), lambda value, crop: _moved(crop, value, 0)),
    *_graded("shifted by", " of the side", (0.06, 0.12), lambda value, crop: _moved(crop, 0, value)),
    *_graded("brightness times", "", (0.7, 0.4), _darker),
    *_graded("JPEG quality", "", (40, 15), lambda value, crop: _jpeg(crop, int(value))),
    *_graded("blur sigma", " px", (1, 2), _blurred),
)


def enlarged(images: Image) -> Image:
    """(N, H, H) uint8 pictures as (N, 96, 96) crops, bilinear."""
    return np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for image in images])


def spoiled(crops: Image, corruption: Corruption) -> Image:
    """(N, 96, 96) uint8 crops after a corruption."""
    return np.stack([corruption.apply(crop) for crop in crops])
