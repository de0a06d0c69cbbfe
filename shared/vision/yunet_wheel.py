"""YuNet from the yuface wheel (libfacedetection, BSD; weights inside): needs no download, but is slow."""

import os
import warnings
from typing import Final

import numpy as np

from shared.config import DetectorSettings
from shared.vision.faces import FETCH_REMEDY, FoundFace, Image, shrink, to_faces

DEFAULT_WIDTH: Final = 320
"""At 640 it takes 0.1 s a frame and more, which no live camera waits for."""


class WheelYuNet:
    """The same network with 8-bit weights; boxes come in whole pixels of the shrunk frame."""

    remedy: str | None = FETCH_REMEDY

    def __init__(self, settings: DetectorSettings) -> None:
        # OpenMP reads its settings when it is loaded; with one thread per core and busy waiting, workers
        # beside each other take ten times as long.
        os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import yuface

        warnings.filterwarnings(
            "ignore", module="yuface"
        )  # it warns of pictures over 960 pixels; that's a setting
        self._width = settings.width or DEFAULT_WIDTH
        self.name = f"yunet-yuface-{self._width}"
        self._detect = yuface.detect
        self._score = settings.score

    def detect(self, frame: Image) -> list[FoundFace]:
        """Return every face of a (H, W, 3) uint8 picture (blue, green, red), largest first."""
        small, scale_x, scale_y = shrink(frame, self._width)
        # The wheel counts in whole percent and compares with "over".
        scores, boxes, points = self._detect(np.ascontiguousarray(small), conf=self._score - 0.01)
        percent = scores.astype(np.float32) / 100
        keep = percent >= self._score - 1e-6
        return to_faces(
            boxes[keep].astype(np.float32), percent[keep], points[keep].astype(np.float32), (scale_x, scale_y)
        )
