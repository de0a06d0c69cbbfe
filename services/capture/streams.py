"""Cameras read through OpenCV that deliver when they deliver: webcams, RTSP, and video over HTTP."""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import cv2

from services.capture.frozen import FrozenWatch
from services.capture.mjpeg import JpegStream, open_http
from services.capture.native_errors import collect_native_errors
from services.capture.picture import Fit, Picture
from shared.config import CameraSettings, CaptureSettings, redact, redact_source
from shared.errors import SourceError

_PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_OPTIONS: Final = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_QUICK: Final = "fflags;nobuffer|flags;low_delay|fpsprobesize;2"
"""Nothing is held back; and opening does not watch the stream for over a second to guess its rate."""
_REMEDIES: Final = (
    (
        re.compile(r"401|unauthori[sz]ed|403|forbidden", re.I),
        "it refuses user and password; correct them in the source",
    ),
    (
        re.compile(r"404|not found|454|bad request|400", re.I),
        "it has no such stream; correct the path in the source",
    ),
    (re.compile(r"461|unsupported transport", re.I), "it refuses this transport; try transport: udp or tcp"),
    (re.compile(r"certificate|tls|ssl", re.I), "its certificate is not trusted"),
)


class Stream:
    """A running camera read through OpenCV, which scales all frames to the first one's size.

    Args:
        capture: an opened `cv2.VideoCapture`.
        shown: how the camera is called in errors, without secrets.
    """

    paced = False
    note = ""
    media_seconds: float | None = None
    timeline_seconds = 0.0

    def __init__(self, capture: Any, shown: str, live: bool, fit: Fit, frozen_after_seconds: float) -> None:
        self.live = live
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.interval_seconds = 1 / fps if 0 < fps <= 240 else 0.0
        self._capture, self._shown, self._fit = capture, shown, fit
        self._watch = FrozenWatch(frozen_after_seconds, shown)

    def grab(self) -> bool:
        """Wait for the next frame.

        Raises:
            SourceError: the stream has ended.
        """
        if not self._capture.grab():
            raise SourceError(f"{self._shown}: the stream has ended; it will be opened again")
        return True

    def retrieve(self) -> Picture | None:
        """Return the frame.

        Raises:
            SourceError: the picture has not changed for too long.
        """
        good, picture = self._capture.retrieve()
        if not good:
            return None
        self._watch.check(picture, time.monotonic())
        return self._fit(picture)

    def close(self) -> None:
        """Hang up."""
        self._capture.release()


def open_webcam(source: str, live: bool, fit: Fit, settings: CaptureSettings) -> Stream:
    """Open a webcam by index or /dev path.

    Raises:
        SourceError: not there, no permission, or not a camera.
    """
    path = Path(f"/dev/video{int(source)}" if source.isdecimal() else source)
    if not path.exists():
        raise SourceError(f"webcam {path}: no such device; `ls /dev/video*` shows which there are")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(f"webcam {path}: no permission; add this user to the group `video`")
    capture = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
    if not capture.isOpened():
        raise SourceError(
            f"webcam {path}: can't be opened; is it a camera, and does no other program use it?"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an older buffered frame is of no use
    return Stream(capture, f"webcam {path}", live, fit, settings.frozen_after)


def open_network(
    camera: CameraSettings, live: bool, fit: Fit, settings: CaptureSettings
) -> Stream | JpegStream:
    """Open an RTSP or HTTP stream.

    Raises:
        SourceError: the host can't be reached, or it refuses.
    """
    shown = redact_source(camera.source)
    _reach(camera.source, shown, settings.connect_timeout / 2)
    if camera.source.lower().startswith("http"):
        jpeg = open_http(camera.source, shown, live, fit, settings)
        if jpeg is not None:
            return jpeg
    with _ffmpeg_options(f"rtsp_transport;{camera.transport}|{_QUICK}"), collect_native_errors() as errors:
        # One decoding thread: frame threads would hold back one frame each.
        capture = cv2.VideoCapture(camera.source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        opened = capture.isOpened()
    if not opened:
        raise SourceError(f"{shown}: {_remedy(errors.text)}")
    return Stream(capture, shown, live, fit, settings.frozen_after)


@contextmanager
def _ffmpeg_options(options: str) -> Iterator[None]:
    """Set what OpenCV hands to FFmpeg at opening, for this opening alone: a file opened so loses frames."""
    before = os.environ.get(_OPTIONS)
    os.environ[_OPTIONS] = options
    try:
        yield
    finally:
        if before is None:
            del os.environ[_OPTIONS]
        else:
            os.environ[_OPTIONS] = before


def _reach(url: str, shown: str, timeout_seconds: float) -> None:
    """Connect once, because OpenCV does not say why it can't, and takes 30 s to find out."""
    try:
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()])
    except ValueError:
        raise SourceError(f"{shown}: not a valid URL; write rtsp://USER:PASSWORD@HOST:PORT/PATH") from None
    try:
        socket.create_connection(address, timeout_seconds).close()
    except UnicodeError:
        raise SourceError(
            f"{shown}: {address[0]!r} can't be a host's name; correct the address in the source"
        ) from None
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise SourceError(
            f"{shown}: can't reach {address[0]} port {address[1]} ({reason}); "
            "is the camera on, is the address right?"
        ) from None


def _remedy(errors: str) -> str:
    for pattern, remedy in _REMEDIES:
        if pattern.search(errors):
            return remedy
    last = redact(errors.strip().splitlines()[-1]) if errors.strip() else "no reason given"
    return f"can't be opened ({last}); is this a video stream?"
