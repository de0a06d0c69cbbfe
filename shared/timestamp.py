"""Moments as text, the way results and messages hold them."""

from datetime import UTC, datetime


def timestamp(wall_ns: int) -> str:
    """Return wall clock nanoseconds as ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns // 1_000_000 % 1000:03d}Z"
