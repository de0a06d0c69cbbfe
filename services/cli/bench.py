"""`mien bench`: what the real processes do under a load, and what a frame costs."""

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import RenderableType

DETECTION_WIDTH = 320
MOST_CLASSIFIERS = 64
CALIBRATE_SECONDS = 5.0
"""How long each of its loads is measured."""
SOAK_RETENTION_SECONDS = 30.0
JSON_KEYS = (
    "frames_offered",
    "frames_recorded",
    "faces_recorded",
    "dropped",
    "latency_ms",
    "stage_ms",
    "cpu_seconds_per_1000_frames",
    "kernel_cpu_seconds_per_1000_frames",
    "overhead_ratio",
    "peak_rss_mb",
)
"""What the file holds of a run; the rest is for the screen."""


def bench(
    cameras: Annotated[int, typer.Option(min=1, max=256, help="Synthetic cameras.")] = 4,
    fps: Annotated[float, typer.Option(min=0.1, max=240, help="Frames a second of each.")] = 15.0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Of their frames, in pixels.")] = "640x480",
    seconds: Annotated[float, typer.Option(min=1, help="How long it is measured.")] = 20.0,
    media: Annotated[
        Path | None, typer.Option(help="Picture or video to show; without it a portrait.")
    ] = None,
    classifiers: Annotated[int, typer.Option(min=1, max=MOST_CLASSIFIERS, help="Classifier processes.")] = 1,
    detectors: Annotated[int, typer.Option(min=1, max=64, help="Detector processes.")] = 1,
    detection_width: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help=f"Width at which faces are looked for; {DETECTION_WIDTH}, with --calibrate as configured.",
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="YuNet weights, as `mien fetch` gets them.")] = None,
    backend: Annotated[
        str,
        typer.Option(
            metavar="auto|litert|tensorflow|sleep", help="sleep: each batch waits 20 ms, without CPU."
        ),
    ] = "auto",
    batch: Annotated[
        int | None, typer.Option(min=1, max=64, help="Frames in a classifier's batch at most.")
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(metavar="1,2,4", help="Run once with each number of classifiers, and compare."),
    ] = None,
    soak: Annotated[
        str | None, typer.Option(metavar="10m", help="Measure so long, and show how resident memory grew.")
    ] = None,
    kernel: Annotated[
        bool, typer.Option(help="Measure the plain single-process loop over the same frames too.")
    ] = True,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure what `mien plan` reckons with, in about a minute.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")
    ] = None,
) -> None:
    """Run a stack of its own under synthetic load and print throughput, latency, drops and cost.

    The cameras play a clip made from the media. The plain loop decodes, detects, crops and classifies the
    same frames in one process, beside the stack once that was measured alone: `overhead` is the processor
    time of all processes over that of the loop, both taken while both ran.

    \b
    Examples:
      mien bench --cameras 4 --fps 15 --detection-width 320
      mien bench --scaling 1,2,4 --backend sleep --batch 1 --fps 60 --size 160x120
      mien bench --soak 10m
      mien bench --calibrate
    """
    from services.bench.run import Load

    scale = {"classifiers": classifiers, "detectors": detectors}
    width = detection_width or (None if calibrate else DETECTION_WIDTH)
    settings: dict[str, Any] = {
        "scale": scale,
        "detector": ({"width": width} if width else {})
        | ({"weights": weights.absolute()} if weights else {}),
        "classifier": {"backend": backend},
    }
    if batch:
        settings["batch"] = {"size": batch}
    if calibrate:
        _calibrate(settings, json_file)
        return
    if soak:  # Redis, too, must have all that it will hold after the first minute
        settings["retention"] = {"results": SOAK_RETENTION_SECONDS}
    load = Load(
        cameras=cameras,
        fps=fps,
        size=parse_size(size),
        seconds=parse_soak(soak) if soak else seconds,
        media=media,
        settings=settings,
        kernel=kernel and backend != "sleep",
    )
    if json_file and not json_file.absolute().parent.is_dir():
        raise ConfigError(f"--json {json_file}: there is no folder {json_file.absolute().parent}")
    figures = _scaling(load, parse_counts(scaling)) if scaling else _run(load)
    if json_file:
        aside = json_file.with_suffix(json_file.suffix + ".part")
        aside.write_text(json.dumps(_as_json(figures), indent=2) + "\n")
        aside.replace(json_file)


def _calibrate(settings: dict[str, Any], json_file: Path | None) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from services.bench.calibrate import calibrate
    from services.planner.coefficients import NOTABLE, write_coefficients

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=1.0)
        found = calibrate(
            settings,
            CALIBRATE_SECONDS,
            lambda what, share: progress.update(task, description=what, completed=share),
        )
    print(f"{write_coefficients(found, json_file)}: {found.source}")
    if found.others >= NOTABLE:
        print(
            "What runs beside makes everything seem dearer: calibrate again when nothing does.",
            file=sys.stderr,
        )


def _as_json(figures: dict[str, Any]) -> dict[str, Any]:
    if "runs" in figures:
        runs = [{"classifiers": run["classifiers"], **_as_json(run)} for run in figures["runs"]]
        return {"runs": runs}
    return {key: figures[key] for key in JSON_KEYS}


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height from `640x480`; raise ConfigError for anything else."""
    try:
        width, height = map(int, text.lower().split("x"))
    except ValueError:
        raise ConfigError(f"--size {text}: expected WIDTHxHEIGHT, such as 640x480") from None
    if not (64 <= width <= 4096 and 64 <= height <= 4096) or width % 2 or height % 2:
        raise ConfigError(f"--size {text}: both sides must be even and from 64 to 4096")
    return width, height


def parse_soak(text: str) -> float:
    """Return seconds from a duration such as `10m`; raise ConfigError if it is none, or less than one."""
    from shared.config import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--soak: {error}") from None
    if seconds < 1:
        raise ConfigError(f"--soak {text}: expected at least 1s, such as 10m")
    return seconds


def parse_counts(text: str) -> list[int]:
    """Return numbers of classifiers from `1,2,4`; raise ConfigError for anything else."""
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--scaling {text}: expected numbers of classifiers, such as 1,2,4") from None
    if not all(1 <= count <= MOST_CLASSIFIERS for count in counts):
        raise ConfigError(f"--scaling {text}: each number must be from 1 to {MOST_CLASSIFIERS}")
    return counts


def _run(load: Any) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import Progress

    from services.bench.run import run_bench

    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # the stack is stopped on the way

    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0)
        figures = run_bench(
            load, lambda what, share: progress.update(task, description=what, completed=share)
        )
    Console().print(_table(figures))
    return figures


def _scaling(load: Any, counts: list[int]) -> dict[str, Any]:
    from dataclasses import replace

    from rich.console import Console
    from rich.table import Table

    table = Table("classifiers", "frames/s", "gain", "jobs/s of each worker", box=None, pad_edge=False)
    runs = []
    for count in counts:
        scale = {**load.settings["scale"], "classifiers": count}
        figures = _run(replace(load, settings={**load.settings, "scale": scale}, kernel=False))
        runs.append({"classifiers": count, **figures})
        first = runs[0]["frames_per_second"]
        gain = f"{figures['frames_per_second'] / first:.2f}x" if first else "-"
        shares = ", ".join(f"{rate:.0f}" for rate in figures["per_classifier"].values())
        table.add_row(str(count), f"{figures['frames_per_second']:.1f}", gain, shares)
    Console().print(table)
    return {"runs": runs}


def _table(figures: dict[str, Any]) -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    offered, recorded = figures["frames_offered"], figures["frames_recorded"]
    rows = {
        "detector": figures["detector"],
        "frames": f"{recorded} recorded of {offered} offered ({recorded / max(1, offered):.1%}), "
        f"{figures['frames_per_second']}/s, {figures['faces_recorded']} faces",
        "dropped": _pairs(figures["dropped"]) or "none",
        "per camera": _pairs(figures["per_camera"]),
        "latency, ms": _pairs(figures["latency_ms"]),
        "stages, ms": "\n".join(
            f"{stage}: {_pairs(values)}" for stage, values in figures["stage_ms"].items()
        ),
        "CPU s per 1000 frames": _pairs(figures["cpu_seconds_per_1000_frames"]),
        "plain loop": str(figures["kernel_cpu_seconds_per_1000_frames"]),
        "overhead": f"{figures['overhead_ratio']}x" if figures["overhead_ratio"] else "not measured",
        "peak resident MB": _pairs(figures["peak_rss_mb"]),
    }
    if figures["rss_growth"]:
        rows["memory growth"] = _pairs({k: f"{share:+.1%}" for k, share in figures["rss_growth"].items()})
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
