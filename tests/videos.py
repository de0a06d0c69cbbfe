"""Small videos that tests make, whole and damaged."""

import struct
from pathlib import Path

import cv2
import numpy as np

_MATRIX_OFFSET_IN_TKHD = 48
"""Version 0, ISO 14496-12: size, type, flags, five fields of 4 bytes, 8 reserved, layer, group, volume."""


def numbered_picture(number: int, size: tuple[int, int] = (96, 64)) -> np.ndarray:
    """Return (H, W, 3) uint8 whose brightness says its number, 0 to 24, in steps that codecs keep apart."""
    return np.full((size[1], size[0], 3), 10 + 10 * number, np.uint8)


def number_of(picture: np.ndarray) -> int:
    """Return the number that `numbered_picture` was given."""
    return round((float(picture.mean()) - 10) / 10)


def make_video(path: Path, frames: int = 20, fps: float = 10.0, size: tuple[int, int] = (96, 64)) -> Path:
    """Write numbered pictures as MPEG-4 (or, by the name's end, MJPEG in AVI)."""
    codec = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
    for number in range(frames):
        writer.write(numbered_picture(number, size))
    writer.release()
    return path


def turn_a_quarter(path: Path) -> Path:
    """Mark an MP4 as filmed by a phone held upright: to be shown turned 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") - 4 + _MATRIX_OFFSET_IN_TKHD
    one = 1 << 16
    data[start : start + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path
