"""One camera's feed: what its preview messages hold, and how pictures meet their results."""

from collections import OrderedDict
from typing import Final

import msgspec
from msgspec import Struct

from services.dashboard.viewers import View

KEPT_PICTURES: Final = 12
"""Pictures per camera that wait for their result: 0.4 s at 30 frames/s, more than the pipeline takes."""
UNREAD_SECONDS: Final = 1.0
"""So long without results, and pictures are shown without them."""
MAX_PICTURE_HEADER: Final = 4096


class FrameKey(Struct, frozen=True):
    """What joins a picture to its result."""

    run: int
    sequence: int


_decode_key = msgspec.json.Decoder(FrameKey).decode


def picture_key(payload: bytes) -> FrameKey:
    """Return the key of a preview message: 4 bytes big-endian length, JSON header, JPEG.

    Raises:
        ValueError: it is not one.
    """
    length = int.from_bytes(payload[:4], "big")
    if not 2 <= length <= min(MAX_PICTURE_HEADER, len(payload) - 4):
        raise ValueError(f"a preview's header can't have {length} bytes")
    return result_key(payload[4 : 4 + length])


def picture_jpeg(payload: bytes) -> bytes:
    """Return the JPEG of a preview message."""
    return payload[4 + int.from_bytes(payload[:4], "big") :]


def result_key(payload: bytes) -> FrameKey:
    """Return the key of a result's JSON.

    Raises:
        ValueError: it has no run and sequence.
    """
    return _decode_key(payload)  # msgspec's errors are ValueErrors


class CameraFeed:
    """Joins one camera's pictures and results.

    Results come later than pictures, by what classifying and recording take, and not every picture gets one.
    """

    def __init__(self, now: float) -> None:
        self._pictures: OrderedDict[FrameKey, bytes] = OrderedDict()
        self._last_result = now

    def picture(self, payload: bytes, now: float) -> View | None:
        """Keep a picture for its result; return it at once where no results come."""
        if now - self._last_result > UNREAD_SECONDS:
            return View(None, payload)
        self._pictures[picture_key(payload)] = payload
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return None

    def result(self, payload: bytes, now: float) -> View:
        """Return the result with its picture, if that is there; older pictures are let go."""
        self._last_result = now
        key = result_key(payload)
        picture = self._pictures.get(key)
        for old in [kept for kept in self._pictures if (kept.run, kept.sequence) <= (key.run, key.sequence)]:
            del self._pictures[old]
        return View(payload, picture)
