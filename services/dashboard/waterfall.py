"""The waterfall of one frame: how long each stage of its road takes, from the newest frames' ages."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from shared.store_figures import FrameAges
from shared.topology import STAGES

GLASS: Final = "glass"
"""The last stage, which only a browser can measure: from recorded to drawn."""


class StageTime(Struct, frozen=True, kw_only=True):
    """One bar of the waterfall; `stage` as in `mien_stage_seconds`."""

    stage: str
    frames: int
    """That went through this stage, of those looked at; one without faces skips two."""
    starts_ms: float
    """Where the bar begins: the medians of the stages before it, added up."""
    p50_ms: float
    p95_ms: float


def waterfall(frames: Iterable[FrameAges], glass_ms: Iterable[float] = ()) -> list[StageTime]:
    """Return the stages in the order of a frame's road; those that no frame went through are left out.

    Args:
        frames: some recent ones.
        glass_ms: recorded → drawn, as browsers measured it.
    """
    times: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for frame in frames:
        for stage, passed in stage_milliseconds(frame.ages_ms).items():
            times[stage].append(passed)
    times[GLASS] = list(glass_ms)
    bars, starts = [], 0.0
    for stage, passed_ms in times.items():
        if passed_ms:
            p50, p95 = (round(float(value), 2) for value in np.percentile(passed_ms, (50, 95)))
            bars.append(
                StageTime(stage=stage, frames=len(passed_ms), starts_ms=starts, p50_ms=p50, p95_ms=p95)
            )
            starts = round(starts + p50, 2)
    return bars


def stage_milliseconds(ages_ms: Mapping[str, float]) -> dict[str, float]:
    """Return stage → how long the frame spent in it, from its age at each stage's end."""
    known = [(stage, ages_ms[stage]) for stage in STAGES if stage in ages_ms]
    return {stage: max(0.0, age - before) for (_, before), (stage, age) in pairwise([("", 0.0), *known])}
