"""`mien results`: what was recorded of a camera, as JSON or CSV."""

import json
import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli.connection import ConfigOption, RedisOption, RunDirOption, connect
from shared.errors import ConfigError
from shared.export import COLUMNS, csv_text, face_records, flat


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
        for text in csv_text(map(flat, face_records(frames)), COLUMNS):
            sys.stdout.write(text)
    elif form is Format.JSONL:
        for frame in frames:
            print(json.dumps(frame))
    else:
        print("[" + ",\n ".join(map(json.dumps, frames)) + "]")
