"""A face cut from its frame the way FER2013 frames faces, and brought to a network's input.

One function serves live frames and evaluation, so that a network is never shown anything else than it was
measured on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.messages import CROP_SIDE

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class CropContract:
    """Where the detector's box lies in a crop, as shares of the crop's side.

    Attributes:
        name: name and version, as in messages and the model's card.
        center_x, center_y: the box's centre.
        size: the box's size, as the square root of its area.
        upright: whether roll is undone.
    """

    name: str
    center_x: float
    center_y: float
    size: float
    upright: bool = True


FER_BOX: Final = CropContract("fer-box-1", 0.128 + 0.759 / 2, 0.025 + 0.977 / 2, math.sqrt(0.759 * 0.977))
"""Median YuNet box on 800 FER2013 training pictures: x 0.128, y 0.025, width 0.759, height 0.977.

The scale is set by the box's area: its root changes by one percent when a face is tilted by 30°, where width
and height change by 8 and 5. Fixing the scale by eyes or by five points cost 2 to 5 points of accuracy.
"""


def roll(landmarks: Sequence[float]) -> float:
    """Return how far a face is turned in the picture's plane, in radians, clockwise positive.

    The lines of the eyes and of the mouth corners are added, so the longer (less noisy) one counts for more.

    Args:
        landmarks: x, y of right eye, left eye, nose, right and left mouth corner, in pixels.
    """
    across = (landmarks[2] - landmarks[0]) + (landmarks[8] - landmarks[6])
    down = (landmarks[3] - landmarks[1]) + (landmarks[9] - landmarks[7])
    return math.atan2(down, across)


def crop_face(
    frame: Image, box: Sequence[float], landmarks: Sequence[float], contract: CropContract = FER_BOX
) -> Image:
    """Return a face as a (96, 96) uint8 grey picture, turned upright about its centre.

    What lies outside the frame repeats the frame's edge. FER2013 hardly knows such faces (of 32,000 picture
    edges 40 are of one colour and 97 look repeated), but a repeated edge keeps the brightness and adds no
    contour.

    Args:
        frame: (H, W, 3) uint8 blue, green, red, or (H, W) grey.
        box: x, y, width, height in pixels of the frame; may reach outside.
        landmarks: ten numbers as in `roll`.
        contract: how the face is framed.
    """
    angle = roll(landmarks) if contract.upright else 0.0
    side = max(1.0, math.sqrt(max(0.0, box[2] * box[3])) / contract.size)
    right, down = (0.5 - contract.center_x) * side, (0.5 - contract.center_y) * side
    cosine, sine = math.cos(angle), math.sin(angle)
    center_x = box[0] + box[2] / 2 + cosine * right - sine * down
    center_y = box[1] + box[3] / 2 + sine * right + cosine * down
    return cut_square(frame, center_x, center_y, side, angle)


def cut_square(frame: Image, center_x: float, center_y: float, side: float, angle: float) -> Image:
    """Return a turned square of a frame as a (96, 96) uint8 grey picture; beyond the frame its edge repeats.

    Side and centre are in pixels, corners at whole numbers; the angle in radians, clockwise positive. Only
    the square's surroundings are made grey. A square of over twice the crop's side is first reduced by the
    mean of whole blocks, because a bilinear sample sees four pixels only.
    """
    height, width = frame.shape[:2]
    block = max(1, min(int(side) // CROP_SIDE, width, height))
    cosine, sine = math.cos(angle), math.sin(angle)
    reach = side / 2 * (abs(cosine) + abs(sine)) + 2 * block
    left, right = _span(center_x - reach, center_x + reach, width, block)
    top, bottom = _span(center_y - reach, center_y + reach, height, block)
    patch = frame[top:bottom, left:right]
    if patch.ndim == 3:
        patch = np.asarray(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), np.uint8)
    if block > 1:
        size = ((right - left) // block, (bottom - top) // block)
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    step = side / CROP_SIDE / block
    along, across = cosine * step, sine * step
    # From the crop's pixel centres to the patch's: both count centres as whole numbers, hence the halves.
    middle = (CROP_SIDE - 1) / 2
    start_x = (center_x - left) / block - 0.5 - middle * (along - across)
    start_y = (center_y - top) / block - 0.5 - middle * (across + along)
    matrix = np.array([[along, -across, start_x], [across, along, start_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(patch, matrix, (CROP_SIDE, CROP_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _span(low: float, high: float, limit: int, block: int) -> tuple[int, int]:
    """Return the part of low…high that lies in 0…limit, a whole number of blocks long and at least one."""
    start = min(max(0, math.floor(low)), limit - block)
    blocks = max(1, min(math.ceil((high - start) / block), (limit - start) // block))
    return start, start + blocks * block


def to_input(crops: Image, native_size: int, input_size: int) -> Image:
    """Return crops as a network wants them: reduced to the size it was trained from, then enlarged.

    Live crops are otherwise sharper than anything it was trained on. Areas are averaged on the way down; on
    the way up pixels are interpolated bilinearly with half-pixel centres, as `tf.image.resize` does.

    Args:
        crops: (N, H, H) uint8.
        native_size: side in pixels of the training pictures.
        input_size: side in pixels of the network's input.

    Returns:
        (N, input_size, input_size, 1) uint8.
    """
    out = np.empty((len(crops), input_size, input_size, 1), np.uint8)
    for crop, target in zip(crops, out, strict=True):
        native = cv2.resize(crop, (native_size, native_size), interpolation=cv2.INTER_AREA)
        cv2.resize(native, (input_size, input_size), dst=target, interpolation=cv2.INTER_LINEAR)
    return out
