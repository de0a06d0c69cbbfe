"""The size of a JPEG, read without decoding it."""

from shared.errors import DecodeError
from shared.messages import Part


def jpeg_size(data: Part) -> tuple[int, int]:
    """Return (width, height) from a JPEG's frame header (ITU T.81, annex B), without decoding it.

    Raises:
        DecodeError: not a JPEG, or cut off before its size.
    """
    if bytes(data[:2]) != b"\xff\xd8":
        raise DecodeError("the payload is not a JPEG")
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # three of that row are tables
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise DecodeError("the JPEG is cut off or damaged before its size")
