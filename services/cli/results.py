"""`mien results`: what was recorded of a camera, as JSON or CSV."""

import csv
import json
import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from services.cli.connection import ConfigOption, RedisOption, RunDirOption, connect
from shared.errors import ConfigError

FACE_FIELDS: Final = ("track", "emotion", "certain", "confidence", "smoothed_emotion", "score")
COLUMNS: Final = ("captured_at", "camera", "run", "sequence", *FACE_FIELDS, "x", "y", "width", "height")


class Format(StrEnum):
    """How results are written."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def results(
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="Its name.")],
    since: Annotated[str, typer.Option(metavar="AGE", help="How far back, such as 30s, 10m or 1h.")] = "10m",
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many frames.")] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="json: one list; jsonl: one frame a line; csv: one face a line."),
    ] = Format.JSONL,
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Print the recorded results of a camera, oldest first.

    \b
    Examples:
      mien results door --since 10m --format csv > door.csv
      mien results door --since 1h | jq '.faces[].emotion'
    """
    from shared.config import parse_duration

    try:
        since_ns = time.time_ns() - int(parse_duration(since) * 1e9)
    except ValueError as error:
        raise ConfigError(f"--since: {error}") from None
    store = connect(config, redis, run_dir)
    if camera not in store.cameras() and store.latest(camera) is None:
        known = ", ".join(store.cameras()) or "none"
        raise ConfigError(f"nothing is recorded of a camera {camera} (cameras: {known})")
    write(store.results(camera, since_ns=since_ns, limit=limit), form)


def write(frames: Iterable[dict[str, Any]], form: Format) -> None:
    """Print results, each as the store gives it, in the given form."""
    if form is Format.CSV:
        _write_csv(frames)
    elif form is Format.JSONL:
        for frame in frames:
            print(json.dumps(frame))
    else:
        print("[" + ",\n ".join(map(json.dumps, frames)) + "]")


def _write_csv(frames: Iterable[dict[str, Any]]) -> None:
    """One row per face; the emotions' columns come from the first face, as every model has its own labels."""
    writer: csv.DictWriter[str] | None = None
    for frame in frames:
        for face in frame["faces"]:
            row = face_row(frame, face)
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(row), restval="", extrasaction="ignore")
                writer.writeheader()
            writer.writerow(row)
    if writer is None:
        csv.writer(sys.stdout).writerow(COLUMNS)


def face_row(frame: dict[str, Any], face: dict[str, Any]) -> dict[str, Any]:
    """Return one face of a result as a flat row; probabilities as `p_LABEL` and `smoothed_LABEL`."""
    x, y, width, height = face["box"]
    row = {name: frame[name] for name in ("captured_at", "camera", "run", "sequence")}
    row |= {name: face[name] for name in FACE_FIELDS}
    row |= {"x": x, "y": y, "width": width, "height": height}
    row |= {f"p_{label}": value for label, value in face["probabilities"].items()}
    return row | {f"smoothed_{label}": value for label, value in face["smoothed"].items()}
