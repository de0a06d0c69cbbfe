"""Recorded faces as flat rows, and rows as CSV or as lines of JSON, piece by piece."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

FRAME_FIELDS: Final = ("captured_at", "camera", "run", "sequence")
FACE_FIELDS: Final = ("track", "seconds", "emotion", "certain", "confidence", "smoothed_emotion", "score")
COLUMNS: Final = (*FRAME_FIELDS, *FACE_FIELDS, "zones", "x", "y", "width", "height")
"""What a face's row begins with; the probabilities of each label follow."""
CHUNK_CHARACTERS: Final = 64 * 1024

Row = dict[str, Any]


def face_records(frames: Iterable[Row], zone: str = "") -> Iterator[Row]:
    """Give one record a face: the face as it lies in a result, and which frame it is of.

    Args:
        frames: results as the store gives them.
        zone: give only faces in this zone.
    """
    for frame in frames:
        for face in frame["faces"]:
            if not zone or zone in face.get("zones", ()):
                yield {name: frame.get(name) for name in FRAME_FIELDS} | face


def flat(record: Row) -> Row:
    """Return a face's record as a flat row; probabilities as `p_LABEL` and `smoothed_LABEL`."""
    x, y, width, height = record["box"]
    row = {name: record.get(name) for name in (*FRAME_FIELDS, *FACE_FIELDS)}
    row |= {"zones": ";".join(record.get("zones", ())), "x": x, "y": y, "width": width, "height": height}
    row |= {f"p_{label}": value for label, value in record["probabilities"].items()}
    return row | {f"smoothed_{label}": value for label, value in record["smoothed"].items()}


def csv_text(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    """Give CSV with a head line, some rows at a time.

    Args:
        rows: the first one's columns hold for all: every model has its own labels.
        columns: of the head line where there is no row.
    """
    buffer = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(buffer, list(row), restval="", extrasaction="ignore")
            writer.writeheader()
        writer.writerow(row)
        if buffer.tell() > CHUNK_CHARACTERS:
            yield _taken(buffer)
    if writer is None:
        csv.writer(buffer).writerow(columns)
    yield _taken(buffer)


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Give one line of JSON a row, some rows at a time."""
    buffer = io.StringIO()
    encode: Callable[[Row], bytes] = msgspec.json.encode
    for row in rows:
        buffer.write(encode(row).decode() + "\n")
        if buffer.tell() > CHUNK_CHARACTERS:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
