"""`GET /api/export`: what was recorded over a stretch of time, as a file."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from services.dashboard.access import NEED_VIEWER
from services.dashboard.api import StoreParameter, get_settings
from services.dashboard.timeline import DAY, Cameras, FromOrAll, To, Zone, names_of, now_of, range_of
from shared.emotions import UNCERTAIN
from shared.export import COLUMNS, Row, csv_text, face_records, flat, json_lines
from shared.store import Store
from shared.timeline import HOUR, MINUTE, Bucket, Span, buckets

MINUTE_COLUMNS: Final = ("at", "camera", "frames", "faces", "tracks", "face_seconds", UNCERTAIN)

router = APIRouter(dependencies=[NEED_VIEWER])


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


class Rows(StrEnum):
    """What a row is."""

    FACES = "faces"
    MINUTES = "minutes"


@router.get("/api/export", tags=["results"], response_class=StreamingResponse)
def export(
    request: Request,
    store: StoreParameter,
    since: FromOrAll = "10m",
    until: To = None,
    cameras: Cameras = None,
    zone: Zone = "",
    form: Annotated[Format, Query(alias="format")] = Format.CSV,
    rows: Annotated[Rows, Query(description="faces: as long as full results are kept")] = Rows.FACES,
) -> StreamingResponse:
    """A file with a row for each face of each frame, or for each minute; camera after camera."""
    names = names_of(store, cameras)
    start, end = range_of(store, get_settings(request), names, since, until, now_of(request))
    if rows is Rows.FACES:
        records: Iterator[Row] = _faces(store, names, start, end, zone)
        columns: tuple[str, ...] = COLUMNS
    else:
        labels = _labels(store, names, start, end)
        records, columns = _minutes(store, names, start, end, zone, labels), (*MINUTE_COLUMNS, *labels)
    if form is Format.CSV:
        chunks = csv_text(map(flat, records) if rows is Rows.FACES else records, columns)
    else:
        chunks = json_lines(records)
    first = next(chunks)  # before the answer begins: without Redis it is an error and not an empty file
    kind = "text/csv" if form is Format.CSV else "application/jsonl"
    name = f"mien-{rows}-{datetime.fromtimestamp(start, UTC):%Y%m%dT%H%M%SZ}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(itertools.chain([first], chunks), media_type=kind, headers=headers)


def _faces(store: Store, names: list[str], start: float, end: float, zone: str) -> Iterator[Row]:
    for name in names:
        frames = store.results(name, since_ns=int(start * 1e9), until_ns=int(end * 1e9))
        yield from face_records(frames, zone)


def _minutes(
    store: Store, names: list[str], start: float, end: float, zone: str, labels: list[str]
) -> Iterator[Row]:
    first, last = int(start // MINUTE) * MINUTE, -int(-end // MINUTE) * MINUTE
    for name in names:
        for day in range(first, last, DAY):
            for bucket in buckets(store, name, Span(day, min(day + DAY, last), MINUTE), zone):
                yield _minute_row(name, bucket, labels)


def _minute_row(camera: str, bucket: Bucket, labels: list[str]) -> Row:
    total = bucket.uncertain + sum(bucket.emotions.values())
    return {
        "at": f"{datetime.fromtimestamp(bucket.start, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "camera": camera,
        "frames": bucket.frames,
        "faces": bucket.faces,
        "tracks": bucket.tracks,
        "face_seconds": round(total, 2),
        UNCERTAIN: bucket.uncertain,
        **{label: bucket.emotions.get(label, 0.0) for label in labels},
    }


def _labels(store: Store, names: list[str], start: float, end: float) -> list[str]:
    """Return every emotion that the hours of a stretch know: the columns, before the first row is read."""
    hours = int(start // HOUR), -int(-end // HOUR)
    found = {label for name in names for row in store.hours(name, *hours) for label in row["seconds"]}
    return sorted(found - {UNCERTAIN})
