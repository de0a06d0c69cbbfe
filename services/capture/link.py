"""What capture's parent and children tell each other: a task on stdin, reports on stdout."""

from typing import Literal

import msgspec
from msgspec import Struct

from shared.config import CameraSettings


class Task(Struct, frozen=True, kw_only=True):
    """Parent → child, once. Not on the command line: a source may hold a password.

    Attributes:
        camera: its name.
        settings: as JSON.
        after_run: the last run of this camera; the new one is later.
        parent: the parent's pid: a child that finds another parent is an orphan.
    """

    camera: str
    settings: str
    after_run: int = 0
    parent: int = 0

    def camera_settings(self) -> CameraSettings:
        """Return the typed settings."""
        return CameraSettings.model_validate_json(self.settings)


class Report(Struct, frozen=True, kw_only=True):
    """Child → parent, at every change and at least each half second unless `grab` blocks.

    Attributes:
        state: `ended` and `lost` are last words.
        detail: why, in one line without secrets.
        width: of the last frame sent, in pixels.
        height: of the last frame sent.
        fps: frames captured a second, over the last second or so.
    """

    state: Literal["connecting", "live", "lost", "ended"]
    detail: str = ""
    run: int = 0
    captured: int = 0
    width: int = 0
    height: int = 0
    fps: float = 0.0


def encode_line(message: Task | Report) -> bytes:
    """Return one line of JSON."""
    return msgspec.json.encode(message) + b"\n"


class ReportReader:
    """Cuts what arrives on the pipe into reports."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Report]:
        """Take some bytes and return the reports that are now whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [msgspec.json.decode(line, type=Report) for line in lines if line]
