"""A video file as a source: once or again and again, at its own pace or as fast as it goes."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from services.capture.picture import Fit, Picture
from shared.errors import SourceError

DEFAULT_FPS: Final = 25.0
MAX_FPS: Final = 240.0
_DAMAGED_BELOW: Final = 0.95
"""Share of the frames that the file's header promises; some headers are a little off."""


class Video:
    """A video file; OpenCV turns the frames as the file's orientation says.

    Raises:
        SourceError: not a video, or without a single frame that can be decoded.
    """

    paced = True

    def __init__(self, path: Path, loop: bool, live: bool, fit: Fit) -> None:
        self.live = live
        self.note = ""
        self._path, self._loop, self._fit = path, loop, fit
        self._open()
        if not self._capture.grab():
            self._capture.release()
            raise SourceError(f"{path}: holds no video frame that can be decoded; convert it to H.264 in MP4")
        self._open()
        self.interval_seconds = 1 / nominal_fps(self._capture)
        self.media_seconds: float | None = None
        self.timeline_seconds = 0.0
        self._round_seconds = 0.0
        self._frames = 0

    def grab(self) -> bool:
        """Decode the next frame, or the first one again."""
        if not self._capture.grab() and not self._rewind():
            self._look_back()
            return False
        self._frames += 1
        self.media_seconds = self._position()
        self.timeline_seconds = self._round_seconds + self.media_seconds
        return True

    def retrieve(self) -> Picture | None:
        """Return the decoded frame."""
        good, picture = self._capture.retrieve()
        return self._fit(np.asarray(picture, np.uint8)) if good else None

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _open(self) -> None:
        # One decoding thread: more of them only take cores from the detector.
        self._capture: Any = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise SourceError(
                f"{self._path}: not a video that can be read, or cut short; try to play it, copy it again"
            )

    def _position(self) -> float:
        """Seconds since the video's beginning; never going back, whatever its timestamps do."""
        position = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        last = self.media_seconds
        if self._frames == 1:
            return max(0.0, position)
        return position if last is None or position > last else last + self.interval_seconds

    def _rewind(self) -> bool:
        """Open the file again: seeking back is not reliable in all formats."""
        if not self._loop or not self._frames:
            return False
        self._round_seconds += (self.media_seconds or 0.0) + self.interval_seconds
        self._frames = 0
        self.media_seconds = None
        self._capture.release()
        self._open()
        return bool(self._capture.grab())

    def _look_back(self) -> None:
        promised = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if self._frames < _DAMAGED_BELOW * promised:
            self.note = f"{self._path}: ended after {self._frames} of {promised} frames: cut short or damaged"


def nominal_fps(capture: Any) -> float:
    """Return the frames a second that a stream claims, or a usual value where the claim is absurd."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= MAX_FPS else DEFAULT_FPS
