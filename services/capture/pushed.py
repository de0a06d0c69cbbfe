"""A camera whose pictures are pushed into this process: JPEGs, each behind its length, on a pipe."""

from typing import BinaryIO

import cv2
import numpy as np

from services.capture.picture import Fit, Picture
from shared.capture_link import LENGTH_BYTES

_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


class PushedPictures:
    """Reads pictures as they come; the end of the pipe is the end of the source.

    Args:
        pipe: each picture is its length (4 bytes, big-endian) and so many bytes of JPEG.
        fit: turns and resizes.
    """

    live = True
    paced = False
    note = ""
    interval_seconds = 0.0
    media_seconds: float | None = None
    timeline_seconds = 0.0

    def __init__(self, pipe: BinaryIO, fit: Fit) -> None:
        self._pipe, self._fit = pipe, fit
        self._jpeg = b""

    def grab(self) -> bool:
        """Wait for the next picture."""
        length = self._pipe.read(LENGTH_BYTES)
        self._jpeg = self._pipe.read(int.from_bytes(length, "big"))
        return bool(self._jpeg)

    def retrieve(self) -> Picture | None:
        """Decode it; None if it is damaged."""
        try:
            picture = cv2.imdecode(np.frombuffer(self._jpeg, np.uint8), _FLAGS)
        except cv2.error:
            return None
        return None if picture is None else self._fit(np.asarray(picture, np.uint8))

    def close(self) -> None:
        """Nothing to let go of: the pipe is the process's own."""
