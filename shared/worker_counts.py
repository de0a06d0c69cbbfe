"""How many workers there should be: what the counts are called, and what holds now."""

from typing import Final

from shared import topology
from shared.config import ScaleSettings
from shared.records import Wanted

COUNTED: Final = {f"{service}s": service for service in topology.MAX_WORKERS}
"""Name of a count, in settings and in what is wanted → the service whose processes it counts."""


def worker_counts(scale: ScaleSettings, wanted: Wanted) -> dict[str, int]:
    """Return count's name → processes there should be: as asked at run time, else as configured."""
    asked = {name: getattr(wanted, name) for name in COUNTED}
    return {name: getattr(scale, name) if count is None else count for name, count in asked.items()}
