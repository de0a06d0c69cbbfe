"""Pictures and videos from files and arrays, in one form: (H, W, 3) uint8, blue, green, red."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import SourceError

Image = NDArray[np.uint8]

PICTURE_SUFFIXES: Final = frozenset(
    {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".jp2", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
VIDEO_SUFFIXES: Final = frozenset(
    {
        ".3gp",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    }
)


class VideoFrame(NamedTuple):
    """One frame of a video."""

    picture: Image
    number: int
    """0 for the first frame of the file."""
    seconds: float
    """Where it is shown, from the start."""


def read_picture(path: Path) -> Image:
    """Return a picture file, turned as its EXIF says; grey, transparent and 16-bit ones become 8-bit colour.

    Raises:
        SourceError: missing, unreadable, empty, not a picture, or damaged beyond reading.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"can't read {path}: {error.strerror}") from None
    return decode_picture(data, str(path))


def decode_picture(data: bytes, name: str) -> Image:
    """Return an encoded picture, as `read_picture` does.

    Args:
        data: the file's bytes.
        name: what to call it in a message.

    Raises:
        SourceError: empty, not a picture, or damaged beyond reading.
    """
    if not data:
        raise SourceError(f"{name} is empty (0 bytes)")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # such as more pixels than OpenCV accepts
        picture = None
    if picture is None:
        raise SourceError(f"{name} is damaged, or not a picture that can be read; convert it to JPEG or PNG")
    return np.asarray(picture, np.uint8)


def as_picture(array: NDArray[Any]) -> Image:
    """Return an array as (H, W, 3) uint8, blue, green, red.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8 or uint16; colour in the order blue, green,
            red(, alpha), as OpenCV reads it.

    Raises:
        SourceError: another shape or type.
    """
    if array.dtype == np.uint16:
        array = array >> 8
    elif array.dtype != np.uint8:
        raise SourceError(f"a picture's array holds uint8 or uint16, not {array.dtype}: scale it to 0…255")
    array = np.ascontiguousarray(array, np.uint8)
    channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    if channels not in _TO_BGR or 0 in array.shape:
        raise SourceError(f"a picture's array is (H, W), (H, W, 3) or (H, W, 4), not {array.shape}")
    conversion = _TO_BGR[channels]
    return array if conversion is None else np.asarray(cv2.cvtColor(array, conversion), np.uint8)


_TO_BGR: Final = {1: cv2.COLOR_GRAY2BGR, 3: None, 4: cv2.COLOR_BGRA2BGR}


class Video:
    """A video file that can be read from front to back, upright as its rotation tag says.

    Raises:
        SourceError: missing, or not a video that can be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceError(f"can't read {path}: no such file")
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"{path} is not a video that can be read, or is damaged")
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self.frames = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        """As the file says; 0 if it doesn't."""

    def read(self, stride: int = 1) -> Iterator[VideoFrame]:
        """Give every `stride`-th frame.

        Raises:
            SourceError: the file ends before its stated length, after the frames that were there were given.
        """
        count = 0
        try:
            while self._capture.grab():
                if count % stride == 0:
                    ok, picture = self._capture.retrieve()
                    if not ok:
                        break
                    yield VideoFrame(np.asarray(picture, np.uint8), count, count / self.fps)
                count += 1
        finally:
            self._capture.release()
        if count == 0:
            raise SourceError(f"{self.path} has no frame that can be read; it is damaged or cut off")
        if count < 0.9 * self.frames:  # the count in the header is often off by a few
            raise SourceError(f"{self.path} ends after {count} of {self.frames} frames: damaged or cut off")


def list_media(folder: Path) -> list[Path]:
    """Return the pictures and videos in a folder and its subfolders, by name; hidden ones are left out.

    Raises:
        SourceError: it can't be listed, or holds none.
    """
    try:
        files = [path for path in sorted(folder.rglob("*")) if _is_media(path, folder)]
    except OSError as error:
        raise SourceError(f"can't list {folder}: {error.strerror}") from None
    if not files:
        raise SourceError(f"{folder} holds no picture or video (by their suffixes, such as .jpg, .png, .mp4)")
    return files


def is_video(path: Path) -> bool:
    """Say whether a file's suffix is that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def _is_media(path: Path, folder: Path) -> bool:
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    return path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES and path.is_file()
