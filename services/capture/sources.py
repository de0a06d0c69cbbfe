"""Where frames come from: one function that opens what a camera's settings name."""

import sys
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from services.capture import pushed, stills, streams, videos
from services.capture.picture import Picture, make_fit
from shared.config import BROWSER, CameraSettings, CaptureSettings, redact_source
from shared.errors import SourceError
from shared.paths import expanded

Kind = Literal["browser", "webcam", "rtsp", "http", "video", "folder", "picture"]
_SCHEMES: Final[dict[str, Kind]] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}


class Source(Protocol):
    """An opened camera. `grab` may block; all else is quick.

    Attributes:
        live: time does not wait: a frame that can't be sent in time is overtaken.
        paced: frames are due at `timeline_seconds`; otherwise when they come.
        interval_seconds: nominal time between frames; 0 where it is not known.
        media_seconds: position of the grabbed frame in its video or folder, None for cameras.
        timeline_seconds: as `media_seconds`, but rising on when a source starts again.
        note: what a person should know of the source when it has ended.
    """

    live: bool
    paced: bool
    interval_seconds: float
    media_seconds: float | None
    timeline_seconds: float
    note: str

    def grab(self) -> bool:
        """Go to the next frame; False at the end. Raises SourceError when a camera is lost."""

    def retrieve(self) -> Picture | None:
        """Return the grabbed frame, (H, W, 3) uint8, turned and resized as set; None if it is damaged."""

    def close(self) -> None:
        """Let go of the device or file."""


def open_source(settings: CameraSettings, capture: CaptureSettings) -> Source:
    """Open a camera, video, folder or picture.

    Raises:
        SourceError: it is not there or can't be read; one line that names it and the remedy.
    """
    kind = kind_of(settings.source)
    live = is_live(settings, kind)
    fit = make_fit(settings)
    if kind == "browser":
        return pushed.PushedPictures(sys.stdin.buffer, fit)
    if kind == "webcam":
        return streams.open_webcam(settings.source, live, fit, capture)
    if kind in ("rtsp", "http"):
        return streams.open_network(settings, live, fit, capture)
    path = _existing(settings.source)
    if kind == "folder":
        return stills.Folder(path, settings.fps, settings.loop, live, fit)
    if kind == "picture" and settings.pan:
        return stills.PannedPicture(path, settings, live)
    if kind == "picture":
        return stills.StillPicture(path, settings.fps, live, fit)
    return videos.Video(path, settings.loop, live, fit)


def kind_of(source: str) -> Kind:
    """Say what kind of source this is, by its form and by what lies at the path.

    Raises:
        SourceError: a URL of an unknown scheme.
    """
    if source == BROWSER:
        return "browser"
    if source.isdecimal() or source.startswith("/dev/"):
        return "webcam"
    if "://" in source and not source.startswith("file://"):
        scheme = urlsplit(source).scheme.lower()
        if scheme not in _SCHEMES:
            raise SourceError(
                f"source {redact_source(source)!r}: unknown scheme; use rtsp://, http:// or a path"
            )
        return _SCHEMES[scheme]
    path = _path(source)
    if path.is_dir():
        return "folder"
    return "picture" if path.suffix.lower() in stills.SUFFIXES else "video"


def is_live(settings: CameraSettings, kind: Kind) -> bool:
    """Say whether time waits: as set, else only a file or folder that is read once is recorded."""
    if settings.pace != "auto":
        return settings.pace == "live"
    return settings.loop or kind not in ("video", "folder")


def _path(source: str) -> Path:
    return expanded(source.removeprefix("file://"))


def _existing(source: str) -> Path:
    path = _path(source)
    if not path.exists():
        raise SourceError(f"{path}: no such file; correct the camera's source")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path}: the file is empty (0 bytes); copy it again")
    return path
