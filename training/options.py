"""Reads what a person typed."""

import re

from shared.errors import DataError


def parse_seconds(text: str) -> float:
    """Seconds of a time such as 50m, 2h, 900s or 1h30m; raises DataError for anything else."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    hours, minutes, seconds = (int(part or 0) for part in parts.groups()) if parts else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise DataError(f"{text!r} is no time; write it like 50m, 2h or 900s")
    return float(total)
