"""From capture to glass: browsers measure how old a frame is when they have drawn it, and tell it here."""

import time
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from shared import metrics
from shared.messages import CameraName
from shared.topology import MAX_CAMERAS

MAX_FRAMES: Final = 128
"""Frames of one camera in a report; browsers report every second."""
KEPT_SECONDS: Final = 120.0
_KEPT_FRAMES: Final = 8192

Seconds = Annotated[float, Meta(ge=0, le=60)]
Milliseconds = Annotated[float, Meta(ge=0, le=2**53)]


class GlassReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser tells once a second."""

    sent_ms: Milliseconds
    """The browser's clock at sending; the answer repeats it, so that the browser learns its offset."""
    seconds: Annotated[
        dict[CameraName, Annotated[list[Seconds], Meta(max_length=MAX_FRAMES)]], Meta(max_length=MAX_CAMERAS)
    ] = {}
    """Camera → age of each frame drawn since the last report."""


class GlassMeter:
    """Observes `mien_glass_seconds` for the cameras that exist, and remembers the last two minutes.

    Args:
        wall_ns: the stack's clock, the one that frames are stamped with.
        clock: monotonic seconds.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_ns, self._clock = wall_ns, clock
        self._cameras: frozenset[str] = frozenset()
        self._recent: deque[tuple[float, float]] = deque(maxlen=_KEPT_FRAMES)

    def know(self, cameras: frozenset[str]) -> None:
        """Learn which cameras there are: others are not counted, and the series of removed ones go."""
        for gone in self._cameras - cameras:
            metrics.forget_camera(gone)
        self._cameras = cameras

    def take(self, report: GlassReport) -> str:
        """Count a report; return the answer to it."""
        now = self._clock()
        for camera, ages in report.seconds.items():
            for seconds in ages if camera in self._cameras else ():
                metrics.GLASS.labels(camera=camera).observe(seconds)
                self._recent.append((now, seconds))
        answer = {"type": "glass", "sent_ms": report.sent_ms, "at_ms": self._wall_ns() / 1e6}
        return msgspec.json.encode(answer).decode()

    def facts(self) -> dict[str, float]:
        """Return `glass_p50_ms` and `glass_p95_ms` of the last two minutes, all browsers; {} if none drew."""
        since = self._clock() - KEPT_SECONDS
        ages = sorted(seconds for at, seconds in self._recent if at >= since)
        if not ages:
            return {}
        return {
            f"glass_p{share}_ms": round(ages[min(len(ages) * share // 100, len(ages) - 1)] * 1000, 1)
            for share in (50, 95)
        }
