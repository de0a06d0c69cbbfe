"""What a camera's process and its parent tell each other: a task on stdin, reports on stdout.

The parent is capture; for a camera whose pictures a browser sends it is the dashboard, and there the pictures
follow the task on stdin, each behind its length.
"""

import logging
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from shared.config import CameraSettings

logger = logging.getLogger(__name__)

LENGTH_BYTES: Final = 4
"""Before each pushed picture: its length, big-endian."""
_MAX_INSTANCE: Final = 100


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
        self._complained = False

    def feed(self, data: bytes) -> list[Report]:
        """Take some bytes and return the reports that are now whole; other lines are left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [report for line in lines if line and (report := self._decoded(line))]

    def _decoded(self, line: bytes) -> Report | None:
        try:
            return msgspec.json.decode(line, type=Report)
        except msgspec.DecodeError:
            if not self._complained:  # without the line itself: it may hold a password
                logger.warning("a camera's process wrote a line that is no report; such lines are left out")
            self._complained = True
            return None


def child_command(camera: str, instance: str, config: Path | None) -> list[str]:
    """Return how a parent of this instance name starts the process of a camera."""
    command = [sys.executable, "-m", "services.capture.child"]
    command += ["--instance", child_instance(instance, camera)]
    return command + (["--config", str(config)] if config else [])


def child_instance(parent: str, camera: str) -> str:
    """Return the child's name on the bus: the same after each restart, so that it replaces its old self."""
    return f"{parent[: _MAX_INSTANCE - len(camera) - 1]}.{camera}"
