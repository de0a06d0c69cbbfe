"""What watchers see of a frame: small, and with its faces made unrecognisable unless clear is allowed."""

import json
from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import DecodeError
from shared.messages import FrameHeader
from shared.vision.faces import FoundFace

Image = NDArray[np.uint8]

MAX_WIDTH: Final = 640
JPEG_QUALITY: Final = 75
ENLARGE: Final = 1.2
"""A blurred region's size against its box: hair and chin go too."""
MOSAIC: Final = 5
"""Blocks along a blurred face: too few to tell anybody by."""


def render(header: FrameHeader, frame: Image, faces: Iterable[FoundFace], blurred: bool) -> bytes:
    """Return a preview: 4 bytes (big-endian) of header length, the JSON header, a JPEG.

    Args:
        header: names camera, run, sequence and capture time; width and height of the frame stand there too.
        frame: (H, W, 3) uint8; not changed.
        faces: all that were found, in pixels of the frame, not only those that travel on.
        blurred: whether to make them unrecognisable.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, MAX_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = frame.copy() if scale == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    if blurred:
        for face in faces:
            blur(np.asarray(small, np.uint8), [value * scale for value in face.box])
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise DecodeError(f"a preview of {size[0]}x{size[1]} pixels can't be encoded")
    head = json.dumps(_describe(header)).encode()
    return b"".join((len(head).to_bytes(4, "big"), head, jpeg.tobytes()))


def _describe(header: FrameHeader) -> dict[str, str | int]:
    return {
        "camera": header.camera,
        "run": header.run,
        "sequence": header.sequence,
        "captured_ns": header.captured_ns,
        "width": header.width,
        "height": header.height,
    }


def blur(picture: Image, box: Iterable[float]) -> None:
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
