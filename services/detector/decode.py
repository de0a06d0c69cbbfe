"""A frame's payload to a picture, refused before it costs anything if it isn't what its header says."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import DecodeError
from shared.frame_memory import FrameReader
from shared.messages import Encoding, Frame, Part
from shared.vision.jpeg import jpeg_size

Image = NDArray[np.uint8]

MAX_PIXELS: Final = 64 * 1024 * 1024
"""A JPEG of 16 MB can unfold into gigabytes."""
_FLAGS: Final = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode_frame(header: Frame, payload: Part, memories: FrameReader) -> Image:
    """Return the frame as (height, width, 3) uint8, blue, green, red; a raw one is a view of where it lies.

    Raises:
        DecodeError: not a JPEG, damaged, larger than allowed, of another size than the header says, or
            overwritten in its source's memory.
    """
    if header.encoding is Encoding.SHARED:
        return memories.view(header)
    if header.width * header.height > MAX_PIXELS:
        raise DecodeError(f"a frame of {header.width}x{header.height} pixels is too large")
    data = np.frombuffer(payload, np.uint8)
    if header.encoding is Encoding.BGR:
        return data.reshape(header.height, header.width, 3)
    size = jpeg_size(payload)
    if size != (header.width, header.height):
        stated = f"{header.width}x{header.height}"
        raise DecodeError(f"the JPEG has {size[0]}x{size[1]} pixels, its header says {stated}")
    try:
        picture = cv2.imdecode(data, _FLAGS)
    except cv2.error as error:
        raise DecodeError(f"the JPEG can't be decoded: {error.err}") from None
    if picture is None:
        raise DecodeError("the JPEG can't be decoded")
    return np.asarray(picture, np.uint8)
