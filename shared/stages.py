"""How long a frame spent in each stage of its road."""

from collections.abc import Mapping
from itertools import pairwise

from shared.topology import STAGES


def times_in_stages(ages: Mapping[str, float]) -> dict[str, float]:
    """Return stage → how long the frame spent in it, from its age at each stage's end, in the same unit."""
    known = [(stage, ages[stage]) for stage in STAGES if stage in ages]
    return {stage: max(0.0, age - before) for (_, before), (stage, age) in pairwise([("", 0.0), *known])}
