"""Faces made unrecognisable in a picture that a person is to see."""

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

ENLARGE: Final = 1.2
"""A blurred region's size against its box: hair and chin go too."""
MOSAIC: Final = 5
"""Blocks along a blurred face: too few to tell anybody by."""


def blur(picture: NDArray[np.uint8], box: Iterable[float]) -> None:
    """Replace the box, enlarged by a fifth, by a coarse smooth mosaic of itself, in place."""
    x, y, width, height = box
    grow_x, grow_y = width * (ENLARGE - 1) / 2, height * (ENLARGE - 1) / 2
    rows, columns = picture.shape[:2]
    left, right = max(0, int(x - grow_x)), min(columns, int(np.ceil(x + width + grow_x)))
    top, bottom = max(0, int(y - grow_y)), min(rows, int(np.ceil(y + height + grow_y)))
    if left >= right or top >= bottom:
        return
    region = picture[top:bottom, left:right]
    coarse = cv2.resize(region, (MOSAIC, MOSAIC), interpolation=cv2.INTER_AREA)
    region[:] = cv2.resize(coarse, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
