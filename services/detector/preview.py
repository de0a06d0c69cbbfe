"""What watchers see of a frame: small, and with its faces made unrecognisable unless clear is allowed."""

import json
from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import DecodeError
from shared.messages import CROP_SIDE, Frame
from shared.vision.areas import black_out
from shared.vision.blur import blur
from shared.vision.faces import FoundFace

Image = NDArray[np.uint8]

MAX_WIDTH: Final = 640
JPEG_QUALITY: Final = 75


def render(header: Frame, frame: Image, faces: Iterable[FoundFace], blurred: bool) -> bytes:
    """Return a preview: 4 bytes (big-endian) of header length, the JSON header, a JPEG.

    Args:
        header: names camera, run, sequence and capture time; width and height of the frame stand there too.
        frame: (H, W, 3) uint8; not changed.
        faces: all that were found, in pixels of the frame, not only those that travel on.
        blurred: whether to make them unrecognisable. What the camera masks is black either way.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, MAX_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = frame.copy() if scale == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    if blurred:
        for face in faces:
            blur(np.asarray(small, np.uint8), [value * scale for value in face.box])
    if header.scope is not None:
        black_out(np.asarray(small, np.uint8), header.scope.masks)
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise DecodeError(f"a preview of {size[0]}x{size[1]} pixels can't be encoded")
    head = json.dumps(_describe(header)).encode()
    return b"".join((len(head).to_bytes(4, "big"), head, jpeg.tobytes()))


def pack_crops(header: Frame, crops: bytes) -> bytes:
    """Return what the model sees of a frame: 4 bytes (big-endian) of header length, the JSON header, crops.

    Args:
        header: of the frame.
        crops: N x 96 x 96 grey bytes, in the order of the frame's faces.
    """
    about = {
        "type": "crops",
        "camera": header.camera,
        "run": header.run,
        "sequence": header.sequence,
        "count": len(crops) // CROP_SIDE**2,
        "side": CROP_SIDE,
    }
    head = json.dumps(about).encode()
    return b"".join((len(head).to_bytes(4, "big"), head, crops))


def _describe(header: Frame) -> dict[str, str | int]:
    return {
        "camera": header.camera,
        "run": header.run,
        "sequence": header.sequence,
        "captured_ns": header.captured_ns,
        "width": header.width,
        "height": header.height,
    }
