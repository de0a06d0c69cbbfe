"""Sources of pictures: a folder, one still picture, and a view that moves over one."""

import logging
import math
import re
from itertools import count
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from services.capture.picture import Fit, Picture, fitting_size, turn
from shared.config import CameraSettings
from shared.errors import SourceError

logger = logging.getLogger(__name__)

SUFFIXES: Final = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"))
DEFAULT_FPS: Final = 5.0
VIEW: Final = (640, 480)


def load_picture(path: Path) -> Picture:
    """Return a picture of any depth and channels as 8 bits blue, green, red, upright as its EXIF data says.

    Raises:
        SourceError: not a picture, damaged, or not readable.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror}") from None
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # such as a header that claims more than 2^30 pixels
        picture = None
    if picture is None:
        raise SourceError(
            f"{path}: not a picture that can be read, or damaged; try to save it again as PNG or JPEG"
        )
    return np.asarray(picture, np.uint8)


class _Still:
    """What sources of still pictures share: they are due at a steady rate."""

    paced = True
    note = ""

    def __init__(self, fps: float | None, live: bool) -> None:
        self.live = live
        self.interval_seconds = 1 / (fps or DEFAULT_FPS)
        self.media_seconds: float | None = None
        self.timeline_seconds = 0.0
        self._numbers = count()

    def close(self) -> None:
        """Nothing is held open."""

    def _tick(self) -> None:
        self.timeline_seconds = next(self._numbers) * self.interval_seconds


class StillPicture(_Still):
    """One picture: live, again and again; recorded, once."""

    def __init__(self, path: Path, fps: float | None, live: bool, fit: Fit) -> None:
        super().__init__(fps, live)
        self._picture = fit(load_picture(path))

    def grab(self) -> bool:
        """Go on by one interval."""
        self._tick()
        return self.live or self.timeline_seconds == 0

    def retrieve(self) -> Picture | None:
        """Return the picture; always the same array."""
        return self._picture


class Folder(_Still):
    """The pictures of a folder in natural order of their names (2 before 10)."""

    def __init__(self, path: Path, fps: float | None, loop: bool, live: bool, fit: Fit) -> None:
        super().__init__(fps, live)
        self._paths = _pictures(path)
        self._loop, self._fit, self._index = loop, fit, -1
        self._skipped = 0

    def grab(self) -> bool:
        """Go to the next picture."""
        self._tick()
        self._index += 1
        if self._loop:
            self._index %= len(self._paths)
        self.media_seconds = self._index * self.interval_seconds
        return self._index < len(self._paths)

    def retrieve(self) -> Picture | None:
        """Return the picture, None (and a warning) for one that can't be read.

        Raises:
            SourceError: none of them can be read.
        """
        try:
            picture = load_picture(self._paths[self._index])
        except SourceError as error:
            self._skipped += 1
            if self._skipped == len(self._paths):
                raise
            logger.warning("skipped: %s", error)
            return None
        self._skipped = 0
        return self._fit(picture)


def _pictures(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError as error:
        raise SourceError(f"{folder}: can't be read: {error.strerror}") from None
    if not found:
        raise SourceError(f"{folder}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return sorted(found, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(digits or 0), text) for digits, text in re.findall(r"(\d*)(\D*)", name)]


class PannedPicture(_Still):
    """A view of fixed size that drifts over a picture and zooms a little, so that faces move."""

    def __init__(self, path: Path, settings: CameraSettings, live: bool) -> None:
        super().__init__(settings.fps, live)
        width = settings.width or VIEW[0]
        self._view = (width, width * VIEW[1] // VIEW[0])
        picture = turn(load_picture(path), settings.rotate)
        most = fitting_size(picture.shape[1], picture.shape[0], 2 * width)
        self._picture = cv2.resize(picture, most, interpolation=cv2.INTER_AREA)

    def grab(self) -> bool:
        """Move the view on by one interval; recorded, there is one view."""
        self._tick()
        return self.live or self.timeline_seconds == 0

    def retrieve(self) -> Picture | None:
        """Return the present view; beyond the picture's edge its edge is repeated."""
        matrix = pan_matrix(
            self.timeline_seconds, (self._picture.shape[1], self._picture.shape[0]), self._view
        )
        view = cv2.warpAffine(
            self._picture, matrix, self._view, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(view, np.uint8)


def pan_matrix(seconds: float, picture: tuple[int, int], view: tuple[int, int]) -> np.ndarray:
    """Return the (2, 3) affine matrix from picture to view at this time.

    The whole picture fits the view, zoomed 1.0 to 1.2 and moved by up to 6 % of the view; the periods
    (17, 11 and 13 s) have no common multiple below 40 minutes.
    """
    phase = 2 * math.pi * seconds
    zoom = 1.1 + 0.1 * math.sin(phase / 17)
    scale = zoom * min(view[0] / picture[0], view[1] / picture[1])
    x = (0.5 + 0.06 * math.sin(phase / 11)) * view[0] - scale * picture[0] / 2
    y = (0.5 + 0.06 * math.sin(phase / 13)) * view[1] - scale * picture[1] / 2
    return np.array([[scale, 0, x], [0, scale, y]])
