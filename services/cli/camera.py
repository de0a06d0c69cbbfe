"""`mien camera`: the cameras of a running stack, changed without a restart."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.connection import (
    ConfigOption,
    JsonOption,
    RedisOption,
    RunDirOption,
    connect,
    console,
    record,
)
from services.cli.up import local_path
from shared.errors import ConfigError, SourceError
from shared.messages import CAMERA_PATTERN

if TYPE_CHECKING:
    from shared.status import CameraStatus
    from shared.store import Store

FORGET_SECONDS: Final = 10.0
"""A camera's last sign of life counts for five."""
TEST_SECONDS: Final = 45.0
"""OpenCV may block for 30 s on a camera that does not answer."""

app = typer.Typer(no_args_is_help=True, help="Add, remove, list and try cameras of a running stack.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9, - and _; at most 40.")]
SourceArgument = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="Webcam index, /dev path, rtsp:// or http:// URL, file or folder."),
]

MaskOption = Annotated[
    Sequence[str],
    typer.Option(
        "--mask", metavar="POLYGON", help="Show nothing of this area and look at no face in it: x,y x,y x,y …"
    ),
]
ZoneOption = Annotated[
    Sequence[str], typer.Option("--zone", metavar="NAME=POLYGON", help="Name an area; x and y from 0 to 1.")
]


@app.command("add")
def add(
    name: NameArgument,
    source: SourceArgument,
    fps: Annotated[float | None, typer.Option(help="Frames a second at most.")] = None,
    width: Annotated[int | None, typer.Option(help="Resize wider pictures to this width.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start a video or folder again at its end.")] = False,
    pace: Annotated[
        str,
        typer.Option(metavar="auto|live|recorded", help="live: newest wins; recorded: every frame counts."),
    ] = "auto",
    transport: Annotated[str, typer.Option(metavar="tcp|udp", help="How RTSP media travels.")] = "tcp",
    rotate: Annotated[int, typer.Option(metavar="0|90|180|270", help="Degrees clockwise.")] = 0,
    group: Annotated[str, typer.Option(help="The capture group that runs it.")] = "default",
    pan: Annotated[bool, typer.Option("--pan", help="A moving view over a single picture.")] = False,
    mask: MaskOption = (),
    zone: ZoneOption = (),
    min_face: Annotated[int | None, typer.Option(help="Narrowest face, in pixels of the frame.")] = None,
    max_face: Annotated[int | None, typer.Option(help="Widest face, in pixels of the frame.")] = None,
    detect_every: Annotated[int, typer.Option(help="Take each n-th frame only.")] = 1,
    replace: Annotated[bool, typer.Option("--replace", help="Change a camera of this name.")] = False,
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Add a camera; it is read within a second.

    \b
    Examples:
      mien camera add door rtsp://user:password@10.0.0.5/stream
      mien camera add desk 0 --fps 15
      mien camera add clip hall.mp4 --loop --pace live
      mien camera add hall 0 --mask "0,0 0.3,0 0.3,1 0,1" --zone "till=0.5,0.4 1,0.4 1,1 0.5,1"
    """
    from shared.config import camera_settings, redact_source

    values: dict[str, Any] = {"source": local_path(source), "fps": fps, "width": width, "loop": loop}
    values |= {"pace": pace, "transport": transport, "rotate": rotate, "group": group, "pan": pan}
    values |= {"min_face": min_face, "max_face": max_face, "detect_every": detect_every}
    values |= {"masks": [parse_polygon(text) for text in mask], "zones": dict(map(parse_zone, zone))}
    settings = camera_settings(name, values)
    store = connect(config, redis, run_dir)
    if not replace and name in store.cameras():
        raise ConfigError(f"camera {name} is there already: choose another name, or change it with --replace")
    store.put_camera(name, settings)
    record(store, "camera.add", name, redact_source(settings.source))
    print(f"Camera {name} added; see how it does with: mien camera list")


def parse_polygon(text: str) -> list[tuple[float, float]]:
    """Return the corners of `x,y x,y x,y`; whether they are in range is for the settings to say.

    Raises:
        ConfigError: it is not of this form.
    """
    try:
        pairs = [corner.split(",") for corner in text.split()]
        return [(float(x), float(y)) for x, y in pairs]
    except ValueError:
        raise ConfigError(f"{text!r} is no polygon: write corners as 0.1,0.2 0.5,0.2 0.5,0.9") from None


def parse_zone(text: str) -> tuple[str, list[tuple[float, float]]]:
    """Return name and corners of `NAME=x,y x,y x,y`.

    Raises:
        ConfigError: it is not of this form.
    """
    name, separator, polygon = text.partition("=")
    if not separator:
        raise ConfigError(f"{text!r} is no zone: write NAME=x,y x,y x,y")
    return name, parse_polygon(polygon)


@app.command("remove")
def remove(
    name: NameArgument,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete all that was recorded of it, too.")
    ] = False,
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Remove a camera; what was recorded of it stays for its time, unless --forget is given."""
    if not re.fullmatch(CAMERA_PATTERN, name):
        raise ConfigError(f"{name!r} can't be a camera's name: those are of a-z, 0-9, - and _, at most 40")
    store = connect(config, redis, run_dir)
    wanted = store.remove_camera(name)
    if forget:
        _wait_for_its_last_frame(store, name)
        store.forget_camera(name)
    if not wanted and not forget:
        known = ", ".join(store.cameras()) or "none"
        raise ConfigError(f"there is no camera {name} (cameras: {known})")
    record(store, "camera.forget" if forget else "camera.remove", name)
    print(f"Camera {name} {'removed' if wanted else 'forgotten'}")


def _wait_for_its_last_frame(store: "Store", name: str) -> None:
    """Wait until its run has ended and each of its frames has a fate: one recorded later would bring records
    back. Nothing comes any more where nobody has read the camera for a while.
    """
    until = time.monotonic() + FORGET_SECONDS
    while name in store.camera_states() and time.monotonic() < until:
        if store.cursor(name).ended and not store.ledger(name)["in_flight"]:
            return
        time.sleep(0.1)


@app.command("list")
def show(
    as_json: JsonOption = False,
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """List the cameras and how they do."""
    import msgspec

    from shared.status import read_status

    cameras = read_status(connect(config, redis, run_dir)).cameras
    if as_json:
        print(msgspec.json.encode(cameras).decode())
    elif cameras:
        _print_cameras(cameras)
    else:
        print("No cameras; add one with: mien camera add NAME SOURCE")


def _print_cameras(cameras: "list[CameraStatus]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("camera", "state", "size", "fps", "from", "source", "note"):
        table.add_column(heading, justify="right" if heading == "fps" else "left")
    for camera in cameras:
        size = f"{camera.width}x{camera.height}" if camera.width else ""
        texts = (camera.camera, camera.state, size, f"{camera.captured_per_second:.1f}")
        table.add_row(*texts, camera.origin, Text(camera.source), Text(camera.detail))
    console().print(table)


@app.command("test")
def test(source: SourceArgument) -> None:
    """Open a source, read a second of it, and say what it gives and shows; needs no running stack.

    \b
    Example:
      mien camera test rtsp://user:password@10.0.0.5/stream
    """
    from shared.config import CameraSettings, redact_source

    shown, camera = redact_source(source), CameraSettings(source=local_path(source))
    command = [sys.executable, "-m", "services.capture.look"]
    try:
        answer = subprocess.run(
            command, input=camera.model_dump_json(), capture_output=True, text=True, timeout=TEST_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise SourceError(
            f"{shown} did not answer within {TEST_SECONDS:.0f} s: check address and network"
        ) from None
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise SourceError(last.removeprefix("mien: "))
    found = json.loads(answer.stdout)
    print(
        f"{shown}: {found['width']}x{found['height']}, {found['fps']:.1f} frames a second, "
        f"first frame after {found['first_frame_seconds']:.1f} s, {len(found['faces'])} face(s)"
    )
    for line in found["advice"]:
        print(f"  {line}")
