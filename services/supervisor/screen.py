"""What `mien up` shows: a live table on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.records import CameraState

_COLOURS = {"working": "green", "live": "green", "lost": "red", "restarting": "red", "stopping": "yellow"}


class Row(NamedTuple):
    """One process as shown."""

    service: str
    instance: str
    pid: int | None
    state: str
    rate: str
    metrics_port: int | None
    note: str


class View(NamedTuple):
    """All that is shown at one moment."""

    rows: Sequence[Row]
    cameras: Mapping[str, CameraState | None]
    hints: Mapping[str, str]


class Screen(Protocol):
    """Where the supervisor shows what it does."""

    def note(self, text: str) -> None:
        """Say something once."""

    def show(self, view: View) -> None:
        """Show the present state of things."""

    def close(self) -> None:
        """Leave the last state on the terminal."""


def open_screen() -> Screen:
    """Return a live table on a terminal, plain lines elsewhere."""
    return LiveScreen() if sys.stdout.isatty() else PlainScreen()


class LiveScreen:
    """A table that is redrawn in place, notes scrolling above it.

    It has no thread of its own: children are started by the only thread, and die with it.
    """

    def __init__(self) -> None:
        self._live = Live(console=Console(), auto_refresh=False, transient=False)
        self._live.start()

    def note(self, text: str) -> None:
        """Print above the table."""
        with suppress(OSError):  # the terminal has gone
            self._live.console.print(Text(text))

    def show(self, view: View) -> None:
        """Redraw the table."""
        with suppress(OSError):
            self._live.update(_render(view), refresh=True)

    def close(self) -> None:
        """Leave the last table standing."""
        with suppress(OSError):
            self._live.stop()


class PlainScreen:
    """One line per change."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def note(self, text: str) -> None:
        """Print a line."""
        with suppress(OSError):
            print(text, flush=True)

    def show(self, view: View) -> None:
        """Print what has changed."""
        states = {row.instance: _line(row) for row in view.rows}
        for name, camera in view.cameras.items():
            states[f"camera {name}"] = f"camera {name}: {_camera_state(camera)}"
        states |= {name: f"{name}: {text}" for name, text in view.hints.items()}
        for name, line in states.items():
            if self._known.get(name) != line:
                self.note(line)
        self._known = states

    def close(self) -> None:
        """Nothing to leave."""


def _line(row: Row) -> str:
    metrics = f", metrics on port {row.metrics_port}" if row.metrics_port else ""
    return f"{row.instance} (pid {row.pid or '-'}): {row.state}{metrics}"


def _render(view: View) -> RenderableType:
    hints = [Text.assemble((f"{name}  ", "bold"), text) for name, text in view.hints.items()]
    return Group(_processes(view.rows), _cameras(view.cameras), *hints)


def _processes(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("service", "instance", "pid", "state", "rate", "metrics", "note"):
        table.add_column(heading, justify="right" if heading in ("pid", "rate", "metrics") else "left")
    for row in rows:
        colour = _COLOURS.get(row.state.split()[0], "yellow")
        port = str(row.metrics_port) if row.metrics_port else ""
        pid = str(row.pid) if row.pid else "-"
        table.add_row(
            row.service, row.instance, pid, Text(row.state, colour), row.rate, port, Text(row.note, "dim")
        )
    return table


def _cameras(cameras: Mapping[str, CameraState | None]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("camera", "state", "size", "fps", "note"):
        table.add_column(heading, justify="right" if heading == "fps" else "left")
    for name, camera in cameras.items():
        state = _camera_state(camera)
        size = f"{camera.width}x{camera.height}" if camera and camera.width else ""
        fps = f"{camera.fps:.1f}" if camera else ""
        note = Text(camera.detail if camera else "", "dim")
        table.add_row(name, Text(state, _COLOURS.get(state, "yellow")), size, fps, note)
    return table


def _camera_state(camera: CameraState | None) -> str:
    return camera.state if camera else "waiting for capture"
