"""What a load needs, line by line: each line with its formula and the numbers put in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

from services.planner.coefficients import Costs, Jpeg
from shared.messages import CROP_SIDE
from shared.topology import MAX_CAMERAS

UTILISATION: Final = 0.7
"""How busy a worker or a core may be: the target that autoscaling follows, too."""
RESULT_BYTES: Final = 400
FACE_BYTES: Final = 500
"""A result in Redis, and each face of it (`python -m tests.bench.redis_cost`, docs/redis.md)."""
MINUTE_BYTES: Final = 400
"""A camera's counts of one minute."""
CROP_BYTES: Final = CROP_SIDE * CROP_SIDE


@dataclass(frozen=True)
class Load:
    """What is asked for.

    Attributes:
        cameras: how many.
        fps: frames a second of each.
        faces: on a frame, on average.
        width, height: of a frame, in pixels.
        gpu: classifiers run on GPUs, one each.
        machine_cores: of one machine; more are needed: frames travel as JPEG.
        results_seconds: how long full results are kept.
        minutes_seconds: how long minute counts are kept.
    """

    cameras: int
    fps: float
    faces: float = 1.0
    width: int = 640
    height: int = 480
    gpu: bool = False
    machine_cores: int = 16
    results_seconds: float = 3600.0
    minutes_seconds: float = 30 * 86_400.0


class Line(NamedTuple):
    """One line of a plan: its name, formula, the numbers put in, what comes out, and of what unit."""

    name: str
    formula: str
    numbers: str
    value: float
    unit: str = ""


def lines_of(load: Load, costs: Costs, jpeg: Jpeg | None) -> tuple[Line, ...]:
    """Return all lines, in the order in which one follows from another.

    Args:
        load: what is asked for.
        costs: of each service for frames of this load.
        jpeg: None: all runs on one machine, nothing goes over a network.
    """
    lines: list[Line] = []
    for part in (_arrivals, _processes, _cores, _memory, _redis_memory):
        lines += part(load, costs, {line.name: line.value for line in lines})
    if jpeg:
        lines += _network(load, jpeg, {line.name: line.value for line in lines})
    return tuple(lines)


def _frame_ms(costs: Costs, service: str, load: Load) -> float:
    """Return the processor time of one frame with its faces."""
    cost = costs.of(service)
    return cost.frame_ms + load.faces * cost.face_ms


def _frame_text(costs: Costs, service: str, load: Load) -> str:
    """Return how that comes about."""
    cost = costs.of(service)
    return f"({_number(cost.frame_ms)} + {_number(load.faces)} * {_number(cost.face_ms)})"


def _arrivals(load: Load, costs: Costs, values: Mapping[str, float]) -> Iterator[Line]:
    frames = load.cameras * load.fps
    yield Line("frames", "cameras * fps", f"{load.cameras} * {_number(load.fps)}", frames, "/s")
    yield Line(
        "faces",
        "frames * faces on a frame",
        f"{_number(frames)} * {_number(load.faces)}",
        frames * load.faces,
        "/s",
    )
    by_cameras = ceil(load.cameras / MAX_CAMERAS)
    by_work, work_numbers = _workers(frames, costs, "broker", load)
    yield Line(
        "shards",
        f"larger of ⌈cameras / {MAX_CAMERAS}⌉ and, for the broker, {_WORKERS}",
        f"⌈{load.cameras} / {MAX_CAMERAS}⌉ = {by_cameras}, {work_numbers} = {by_work}",
        max(by_cameras, by_work),
    )


def _processes(load: Load, costs: Costs, values: Mapping[str, float]) -> Iterator[Line]:
    shards = round(values["shards"])
    cameras = ceil(load.cameras / shards)
    yield Line("cameras of a shard", "⌈cameras / shards⌉", f"⌈{load.cameras} / {shards}⌉", cameras)
    frames = cameras * load.fps
    yield Line(
        "frames of a shard",
        "cameras of a shard * fps",
        f"{cameras} * {_number(load.fps)}",
        frames,
        "/s",
    )
    for service in ("detector", "classifier", "recorder"):
        count, numbers = _workers(frames, costs, service, load)
        formula = f"shards * {_WORKERS}"
        yield Line(f"{service}s", formula, f"{shards} * {numbers}", shards * count)
        if service == "classifier" and load.gpu:
            yield Line("GPUs", "classifiers, one each", f"{shards * count}", shards * count)
    servers, numbers = _workers(load.cameras * load.fps, costs, "redis", load)
    yield Line("Redis servers", _WORKERS, numbers, servers)


def _counts(load: Load, values: Mapping[str, float]) -> dict[str, int]:
    """Return service → processes; each shard has a broker, a dashboard, a supervisor and capture's parent."""
    shards = round(values["shards"])
    return {
        "capture": load.cameras + shards,
        "broker": shards,
        "detector": round(values["detectors"]),
        "classifier": round(values["classifiers"]),
        "recorder": round(values["recorders"]),
        "redis": round(values["Redis servers"]),
        "dashboard": shards,
        "supervisor": shards,
    }


def _cores(load: Load, costs: Costs, values: Mapping[str, float]) -> Iterator[Line]:
    frames, total = load.cameras * load.fps, 0.0
    for service, count in _counts(load, values).items():
        frame_ms, idle_ms = _frame_ms(costs, service, load), costs.of(service).idle_ms
        cores = (frames * frame_ms + count * idle_ms) / 1000
        total += cores
        work = f"{_number(frames)} * {_frame_text(costs, service, load)}"
        yield Line(
            f"{service} cores",
            f"(frames * {_FRAME} + processes * ms idle) / 1000",
            f"({work} + {count} * {_number(idle_ms)}) / 1000",
            cores,
        )
    needed = max(1, ceil(total / UTILISATION))
    yield Line("cores", f"⌈sum / {UTILISATION}⌉", f"⌈{_number(total)} / {UTILISATION}⌉", needed)
    yield Line(
        "machines",
        "⌈cores / cores of one⌉",
        f"⌈{needed} / {load.machine_cores}⌉",
        ceil(needed / load.machine_cores),
    )


def _memory(load: Load, costs: Costs, values: Mapping[str, float]) -> Iterator[Line]:
    parts = [
        (count, costs.of(service).memory_mb)
        for service, count in _counts(load, values).items()
        if service != "redis"
    ]
    yield Line(
        "memory",
        "sum of processes * MB of one, without Redis",
        " + ".join(f"{count} * {_number(megabytes)}" for count, megabytes in parts) + " MB",
        sum(count * megabytes for count, megabytes in parts) / 1000,
        "GB",
    )


def _redis_memory(load: Load, costs: Costs, values: Mapping[str, float]) -> Iterator[Line]:
    frames, kept = load.cameras * load.fps, load.results_seconds
    yield Line(
        "Redis memory, results",
        f"frames * seconds kept * ({RESULT_BYTES} + faces * {FACE_BYTES}) B",
        f"{_number(frames)} * {_number(kept)} * ({RESULT_BYTES} + {_number(load.faces)} * {FACE_BYTES}) B",
        frames * kept * result_bytes(load.faces) / 1e9,
        "GB",
    )
    minutes = load.minutes_seconds / 60
    yield Line(
        "Redis memory, counts",
        f"cameras * minutes kept * {MINUTE_BYTES} B",
        f"{load.cameras} * {_number(minutes)} * {MINUTE_BYTES} B",
        load.cameras * minutes * MINUTE_BYTES / 1e9,
        "GB",
    )


def _network(load: Load, jpeg: Jpeg, values: Mapping[str, float]) -> Iterator[Line]:
    """Give what leaves cameras' hosts and passes a broker; each byte that enters a broker leaves it, too."""
    frame_bytes = jpeg.megabytes * load.width * load.height
    passing = frame_bytes + load.faces * CROP_BYTES + 2 * result_bytes(load.faces)
    frames = load.cameras * load.fps
    yield Line(
        "network, cameras to brokers",
        "frames * bytes of a JPEG * 8",
        f"{_number(frames)} * {_number(frame_bytes)} * 8 / 1e6",
        frames * frame_bytes * 8 / 1e6,
        "Mbit/s",
    )
    yield Line(
        "network, into each broker, and out",
        "frames of a shard * (JPEG + faces * crop + 2 * result) * 8",
        f"{_number(values['frames of a shard'])} * ({_number(frame_bytes)} + {_number(load.faces)} * "
        f"{CROP_BYTES} + 2 * {_number(result_bytes(load.faces))}) * 8 / 1e6",
        values["frames of a shard"] * passing * 8 / 1e6,
        "Mbit/s",
    )
    yield Line(
        "network, recorders to Redis",
        "frames * result * 8",
        f"{_number(frames)} * {_number(result_bytes(load.faces))} * 8 / 1e6",
        frames * result_bytes(load.faces) * 8 / 1e6,
        "Mbit/s",
    )


def result_bytes(faces: float) -> float:
    """Return the bytes of one result."""
    return RESULT_BYTES + faces * FACE_BYTES


_FRAME: Final = "(ms + faces * ms a face)"
_WORKERS: Final = f"⌈frames * {_FRAME} / (1000 * {UTILISATION})⌉"


def _workers(frames: float, costs: Costs, service: str, load: Load) -> tuple[int, str]:
    """Return how many processes do so many frames a second, and the numbers of the formula."""
    # Rounded first: 0.7 is no binary fraction, and 7.000000000000001 workers are 7.
    needed = round(frames * _frame_ms(costs, service, load) / (1000 * UTILISATION), 9)
    text = f"⌈{_number(frames)} * {_frame_text(costs, service, load)} / {_number(1000 * UTILISATION)}⌉"
    return max(1, ceil(needed)), text


def _number(value: float) -> str:
    """Return a number for people: three digits, or all of a larger one."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
