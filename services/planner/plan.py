"""A plan: what a load needs on machines of these coefficients, and the shards that it comes to."""

from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import structs

from services.planner.coefficients import Coefficients, Costs
from services.planner.formulas import Line, Load, lines_of
from services.planner.shard import Shard
from shared.config import Settings
from shared.errors import ConfigError
from shared.topology import LIVE_WINDOW, LIVE_WINDOW_REMOTE

_WRONG_DEVICE: Final = {
    True: "these coefficients were measured without a GPU: run `mien bench --calibrate` on a machine that "
    "has one, or say with --gpu-faces how many faces a second one classifies",
    False: "these coefficients were measured with the classifier on a GPU: give --gpu",
}


@dataclass(frozen=True)
class Plan:
    """What a load needs.

    Attributes:
        load: what was asked for.
        lines: each need with its formula.
        costs: of each service for frames of this load, JPEG included.
        as_jpeg: one machine is too small: frames travel compressed.
    """

    load: Load
    lines: tuple[Line, ...]
    costs: Costs
    as_jpeg: bool

    def need(self, name: str) -> float:
        """Return the value of a line."""
        return next(line.value for line in self.lines if line.name == name)


def make_plan(load: Load, coefficients: Coefficients) -> Plan:
    """Return what the load needs.

    On one machine frames lie in shared memory. If one has too few cores, it is reckoned again with frames
    that are compressed by capture and decompressed by detectors.

    Raises:
        ConfigError: the classifier was measured on a GPU and is wanted without one, or the other way round.
    """
    if load.gpu != bool(coefficients.gpu):
        raise ConfigError(_WRONG_DEVICE[load.gpu])
    costs = _costs(load, coefficients, as_jpeg=False)
    plan = Plan(load, lines_of(load, costs, None), costs, as_jpeg=False)
    if plan.need("machines") == 1:
        return plan
    costs = _costs(load, coefficients, as_jpeg=True)
    return Plan(load, lines_of(load, costs, coefficients.jpeg), costs, as_jpeg=True)


def _costs(load: Load, coefficients: Coefficients, as_jpeg: bool) -> Costs:
    costs, pixels = coefficients.costs, load.width * load.height
    capture_ms, detector_ms = costs.capture.frame_ms * pixels / coefficients.pixels, costs.detector.frame_ms
    if as_jpeg:
        capture_ms += pixels / 1e6 * coefficients.jpeg.encode_ms
        detector_ms += pixels / 1e6 * coefficients.jpeg.decode_ms
    return structs.replace(
        costs,
        capture=structs.replace(costs.capture, frame_ms=capture_ms),
        detector=structs.replace(costs.detector, frame_ms=detector_ms),
    )


def shards_of(
    plan: Plan, coefficients: Coefficients, settings: Settings, **changes: float | None
) -> dict[Shard, int]:
    """Return each kind of shard that the plan comes to, and how many there are of it.

    Args:
        plan: what is needed.
        coefficients: that it was made with.
        settings: deadline, lease and how workers batch.
        changes: `detectors`, `classifiers`, `recorders`, `cores` of each shard; None: as planned.
    """
    load, count = plan.load, round(plan.need("shards"))
    shard = Shard(
        cameras=load.cameras,
        fps=load.fps,
        faces=load.faces,
        detectors=round(plan.need("detectors")) // count,
        classifiers=round(plan.need("classifiers")) // count,
        recorders=round(plan.need("recorders")) // count,
        cores=plan.need("cores") / count,
        costs=plan.costs,
        skipped_frame_ms=coefficients.skipped_frame_ms * load.width * load.height / coefficients.pixels,
        spread=coefficients.spread,
        window=LIVE_WINDOW_REMOTE if plan.as_jpeg else LIVE_WINDOW,
        deadline=settings.frames.deadline,
        lease=settings.frames.lease,
        batch_size=settings.batch.size,
        batch_wait=settings.batch.wait,
        recorder_wait=settings.recorder.batch_wait,
        reorder=settings.recorder.reorder,
    )
    wanted: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    return {
        replace(shard, cameras=size, **wanted): number
        for size, number in shard_sizes(load.cameras, count).items()
    }


def shard_sizes(cameras: int, shards: int) -> dict[int, int]:
    """Return cameras of a shard → how many shards have so many; sizes differ by one at most."""
    size, larger = divmod(cameras, shards)
    return {n: count for n, count in ((size + 1, larger), (size, shards - larger)) if count}
