"""How records look inside Redis: what the Lua script and the hashes hold, to and from `shared.records`."""

import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from shared import keys
from shared.config import CameraSettings
from shared.records import Advance, Applied, WantedCamera

_log = logging.getLogger(__name__)
_GROUPS: Final = {"emotion": "emotions", "seconds": "seconds", "latency": "latency"}


def read_camera(name: str, value: bytes) -> WantedCamera | None:
    """Return a wanted camera from its hash value; None, and a warning, if it is malformed."""
    try:
        stored = json.loads(value)
        return WantedCamera(settings=CameraSettings(**stored["settings"]), origin=stored["origin"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        # Not the error's own text, which would show what was given: perhaps a password.
        wrong = error.errors()[0]["loc"] if isinstance(error, ValidationError) else type(error).__name__
        _log.warning("camera %s in %s is malformed, left out: %s", name, keys.WANTED_CAMERAS, wrong)
        return None


def read_change(entry_id: str, fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return an entry of the audit log, with its `id` and the time in it."""
    texts = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
    return {"id": entry_id, "at_ms": int(entry_id.partition("-")[0]), **texts}


def advance_keys(entry: Advance) -> tuple[str, ...]:
    """Return the keys that the script works on, in its order."""
    camera, hour = entry.camera, entry.result.minute // 60 if entry.result else 0
    own = (keys.cursor(camera), keys.holes(camera), keys.ledger(camera))
    counts = (keys.hour(camera, hour), keys.day(camera, hour // 24))
    return (*own, *counts, keys.latest(camera), keys.results(camera))


def plan(entry: Advance) -> bytes:
    """Return an entry as the script reads it; the result itself travels beside it."""
    result = entry.result
    minute, hour = (result.minute % 60, result.minute // 60 % 24) if result else (0, 0)
    return msgspec.json.encode(
        {
            "run": entry.run,
            "base": entry.base,
            "captured": entry.captured,
            "live": entry.live,
            "ended": entry.ended,
            "spans": entry.spans,
            "sequence": result.sequence if result else 0,
            "counts": _fields(minute, result.counts) if result else {},
            "hour_counts": _fields(hour, result.hour_counts) if result else {},
            "tracks": result.tracks if result else 0,
            "results_seconds": result.results_seconds if result else 0,
            "minutes_seconds": result.minutes_seconds if result else 0,
        }
    )


def _fields(unit: int, counts: Mapping[str, float]) -> dict[str, float]:
    return {f"{unit}:{name}": number for name, number in counts.items()}


def read_answer(answer: list[Any]) -> Applied:
    """Return what the script says it changed."""
    pairs = zip(answer[1::2], answer[2::2], strict=True)
    return Applied(bool(answer[0]), {outcome.decode(): int(number) for outcome, number in pairs})


def read_counts(name: str, first: int, fields: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
    """Return the rows of `Store.minutes` or `Store.hours` that one hash holds, in order.

    Args:
        name: `minute` or `hour`: what a row is of.
        first: number since 1970 of the hash's first one.
        fields: of the hash.
    """
    rows: dict[bytes, dict[str, Any]] = {}
    for field, value in fields.items():
        unit, _, path = field.partition(b":")
        row = rows.get(unit)
        if row is None:
            row = rows[unit] = {name: first + int(unit), **_empty_counts(), "zones": {}}
        zone, group, label = _parts(path)
        if zone:
            row = row["zones"].get(zone) or row["zones"].setdefault(zone, _empty_zone())
        if label:
            row[group][label] = float(value) if group == "seconds" else int(value)
        else:
            row[group] = int(value)
    return sorted(rows.values(), key=lambda row: int(row[name]))


@lru_cache(maxsize=4096)
def _parts(path: bytes) -> tuple[str, str, str]:
    """Return zone, group and label that a field counts, the first and the last empty where it has none.

    Kept, as a day of a camera has the same few dozen of them 1440 times.
    """
    zone, rest = "", path.decode()
    if rest.startswith("zone:"):
        _, zone, rest = rest.split(":", 2)
    group, _, label = rest.partition(":")
    return zone, _GROUPS[group] if label else group, label


def _empty_zone() -> dict[str, Any]:
    return {"faces": 0, "arrived": 0, "stayed": 0, "seconds": {}}


def _empty_counts() -> dict[str, Any]:
    return {"frames": 0, "uncertain": 0, "emotions": {}, "latency": {}, **_empty_zone()}
