"""How records look inside Redis: what the Lua script and the hashes hold, to and from `shared.records`."""

import json
import logging
from collections.abc import Mapping
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
        _log.warning("camera %s in %s is malformed, left out: %s", name, keys.WANTED_CAMERAS, error)
        return None


def advance_keys(entry: Advance) -> tuple[str, ...]:
    """Return the keys that the script works on, in its order."""
    camera, hour = entry.camera, entry.result.minute // 60 if entry.result else 0
    own = (keys.cursor(camera), keys.holes(camera), keys.ledger(camera))
    return (*own, keys.hour(camera, hour), keys.latest(camera), keys.results(camera))


def plan(entry: Advance) -> bytes:
    """Return an entry as the script reads it; the result itself travels beside it."""
    result = entry.result
    minute = result.minute % 60 if result else 0
    return msgspec.json.encode(
        {
            "run": entry.run,
            "base": entry.base,
            "captured": entry.captured,
            "live": entry.live,
            "ended": entry.ended,
            "spans": entry.spans,
            "sequence": result.sequence if result else 0,
            "counts": {f"{minute}:{name}": number for name, number in result.counts.items()}
            if result
            else {},
            "tracks": result.tracks if result else 0,
            "results_seconds": result.results_seconds if result else 0,
            "minutes_seconds": result.minutes_seconds if result else 0,
        }
    )


def read_answer(answer: list[Any]) -> Applied:
    """Return what the script says it changed."""
    pairs = zip(answer[1::2], answer[2::2], strict=True)
    return Applied(bool(answer[0]), {outcome.decode(): int(number) for outcome, number in pairs})


def read_hour(hour: int, fields: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
    """Return the rows of `Store.minutes` that one hour's hash holds, in order."""
    rows: dict[int, dict[str, Any]] = {}
    for field, value in fields.items():
        minute, name = field.decode().split(":", 1)
        row = rows.setdefault(int(minute), _empty_minute(hour * 60 + int(minute)))
        group, _, label = name.partition(":")
        if group in _GROUPS:
            row[_GROUPS[group]][label] = float(value) if group == "seconds" else int(value)
        else:
            row[name] = int(value)
    return [rows[minute] for minute in sorted(rows)]


def _empty_minute(minute: int) -> dict[str, Any]:
    return {
        "minute": minute,
        "frames": 0,
        "faces": 0,
        "uncertain": 0,
        "emotions": {},
        "seconds": {},
        "latency": {},
    }
