"""The clip that a bench's cameras play and its kernel reads: any picture or video, at the size asked for."""

import math
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo import HOW_TO_GET, packaged_file
from shared.errors import SourceError
from shared.vision.media import Video, is_video, read_picture

CLIP_SECONDS: Final = 8.0
Image = NDArray[np.uint8]


def default_media() -> Path:
    """Return a picture with one face that the `demo` extra brings along.

    Raises:
        SourceError: the extra is not installed.
    """
    picture = packaged_file("skimage", "data/astronaut.png")
    if picture is None:
        raise SourceError(
            f"no pictures to measure with: give --media, or install the demo extra: {HOW_TO_GET}"
        )
    return picture


def make_clip(media: Path, size: tuple[int, int], fps: float, folder: Path) -> Path:
    """Write a clip of about eight seconds and return its path.

    Args:
        media: picture (shown through a slowly moving window) or video (from its start, again and again).
        size: width and height in pixels.
        fps: frames a second at which it will play.
        folder: where to write.

    Raises:
        SourceError: the media can't be read, or the clip can't be written.
    """
    path = folder / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise SourceError(f"can't write a clip of {size[0]}x{size[1]} to {path}")
    for frame in islice(_frames(media, size), max(2, round(CLIP_SECONDS * fps))):
        writer.write(frame)
    writer.release()
    return path


def _frames(media: Path, size: tuple[int, int]) -> Iterator[Image]:
    if is_video(media):
        return cycle([_fill(frame.picture, size) for frame in islice(Video(media).read(), 250)])
    return _windows(read_picture(media), size)


def _fill(frame: Image, size: tuple[int, int], margin: float = 1.0) -> Image:
    """Scale so that the frame covers the size times the margin, keeping its aspect; cut the middle if 1."""
    width, height = size
    scale = max(width / frame.shape[1], height / frame.shape[0]) * margin
    scaled = cv2.resize(frame, (math.ceil(frame.shape[1] * scale), math.ceil(frame.shape[0] * scale)))
    if margin != 1.0:
        return np.asarray(scaled, np.uint8)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)


def _windows(picture: Image, size: tuple[int, int]) -> Iterator[Image]:
    """Give windows that drift over the picture's upper middle, where portraits have their face."""
    width, height = size
    large = _fill(picture, size, margin=1.1)
    room_x, room_y = large.shape[1] - width, min(large.shape[0] - height, round(0.1 * height))
    for step in cycle(range(200)):
        angle = 2 * math.pi * step / 200
        left, top = (
            round(room_x * (0.5 + 0.5 * math.sin(angle))),
            round(room_y * (0.5 - 0.5 * math.cos(angle))),
        )
        yield np.ascontiguousarray(large[top : top + height, left : left + width])
