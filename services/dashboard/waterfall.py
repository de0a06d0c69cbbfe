"""The waterfall of one frame: how long each stage of its road takes, from the newest frames' ages."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from msgspec import Struct

from shared.stages import times_in_stages
from shared.store_figures import FrameAges
from shared.topology import STAGES

GLASS: Final = "glass"
"""The last stage: from recorded to drawn, as browsers measured it."""


class StageTime(Struct, frozen=True, kw_only=True):
    """One bar of the waterfall; `stage` as in `mien_stage_seconds`."""

    stage: str
    frames: int | None
    """That went through this stage, of those looked at; one without faces skips two. None: not told."""
    starts_ms: float
    """Where the bar begins: the medians of the stages before it, added up."""
    p50_ms: float
    p95_ms: float


def waterfall(frames: Iterable[FrameAges], glass_ms: tuple[float, float] | None = None) -> list[StageTime]:
    """Return the stages in the order of a frame's road; those that no frame went through are left out.

    Args:
        frames: some recent ones.
        glass_ms: from capture to drawn in a browser, median and 95th percentile; None: nobody looks.
    """
    times: dict[str, list[float]] = {stage: [] for stage in STAGES}
    totals = []
    for frame in frames:
        totals.append(max(frame.ages_ms.values(), default=0.0))
        for stage, passed in times_in_stages(frame.ages_ms).items():
            times[stage].append(passed)
    bars, starts = [], 0.0
    for stage, passed_ms in times.items():
        if passed_ms:
            p50, p95 = (round(float(value), 2) for value in np.percentile(passed_ms, (50, 95)))
            bars.append(
                StageTime(stage=stage, frames=len(passed_ms), starts_ms=starts, p50_ms=p50, p95_ms=p95)
            )
            starts = round(starts + p50, 2)
    return [*bars, _glass(glass_ms, totals, starts)] if glass_ms and totals else bars


def _glass(glass_ms: tuple[float, float], totals: list[float], starts: float) -> StageTime:
    """Return the bar of what a browser adds: the difference of medians, and of 95th percentiles."""
    p50, p95 = (
        max(0.0, glass - float(before))
        for glass, before in zip(glass_ms, np.percentile(totals, (50, 95)), strict=True)
    )
    return StageTime(
        stage=GLASS, frames=None, starts_ms=starts, p50_ms=round(p50, 2), p95_ms=round(max(p50, p95), 2)
    )
