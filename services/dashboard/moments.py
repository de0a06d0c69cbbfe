"""Moments in a query: an age, seconds since 1970, or a date and time."""

from datetime import UTC, datetime

from fastapi import HTTPException

from shared.config import parse_duration

HELP = "so long ago (30s, 10m, 1h, 30d), seconds since 1970, or a time such as 2026-11-24T09:26:31Z"
OLDEST_MOMENT = 1e9
"""Smaller numbers are ages: no stack looks back 30 years."""
AHEAD_SECONDS = 86_400.0


def moment(name: str, text: str, now: float) -> float:
    """Return seconds since 1970, at most a day ahead of `now`.

    Args:
        name: of the query's parameter.
        text: its value.
        now: seconds since 1970.

    Raises:
        HTTPException: 422, it is none of these.
    """
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = _of_time(name, text)
    if seconds < 0:
        raise HTTPException(422, f"{name}: {text!r} is no moment")
    since_1970 = seconds if seconds >= OLDEST_MOMENT else now - seconds
    return min(max(since_1970, 0.0), now + AHEAD_SECONDS)


def _of_time(name: str, text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise HTTPException(422, f"{name}: {text[:40]!r} is not {HELP}") from None
