"""Tells a live stream that repeats one picture from a scene in which nothing moves."""

import zlib

import numpy as np
from numpy.typing import NDArray

from shared.errors import SourceError

_STRIDE = 16


class FrozenWatch:
    """Notes since when a stream has delivered byte-identical pictures; a real sensor's noise never repeats.

    Args:
        limit_seconds: how long is too long; 0: never.
        shown: how the camera is called in errors, without secrets.
    """

    def __init__(self, limit_seconds: float, shown: str) -> None:
        self._limit_seconds, self._shown = limit_seconds, shown
        self._sample = self._whole = 0
        self._since = 0.0

    def check(self, picture: NDArray[np.uint8], now: float) -> None:
        """Take the next picture ((H, W, 3) uint8).

        Raises:
            SourceError: it has been the same for too long.
        """
        if self.is_frozen(picture, now):
            raise SourceError(
                f"{self._shown}: frozen, the same picture for {self._limit_seconds:.0f} s; "
                "it will be opened again (capture.frozen_after)"
            )

    def is_frozen(self, picture: NDArray[np.uint8], now: float) -> bool:
        """Take the next picture ((H, W, 3) uint8) and say whether it has been the same for too long."""
        if not self._limit_seconds:
            return False
        if not self._repeats(picture):
            self._since = now
        return now - self._since >= self._limit_seconds

    def _repeats(self, picture: NDArray[np.uint8]) -> bool:
        """Compare a sparse sample first: while it changes, the rest need not be looked at."""
        sample = zlib.crc32(np.ascontiguousarray(picture[::_STRIDE, ::_STRIDE]).data)
        if sample != self._sample:
            self._sample, self._whole = sample, 0
            return False
        whole = zlib.crc32(np.ascontiguousarray(picture).data)
        same = whole == self._whole
        # The first look at the whole of a picture whose sample repeats has nothing to compare with.
        first, self._whole = self._whole == 0, whole
        return same or first
