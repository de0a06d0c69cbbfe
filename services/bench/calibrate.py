"""Coefficients of this machine: what a frame, a face and an idle process cost, fitted over several loads."""

import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from services.bench.clip import default_media, make_clip
from services.bench.fit import fit
from services.bench.measure import read_cpu, read_memory, stage_milliseconds
from services.bench.run import WARM_UP_SECONDS, Progress
from services.bench.stack import Stack
from services.planner.coefficients import Coefficients, Cost, Costs, Jpeg, today
from shared.config import CameraSettings, load_settings
from shared.vision.faces import load_detector
from shared.vision.media import read_picture

SIZE: Final = (640, 480)
ONE_PROCESS: Final = {"detectors": 1, "classifiers": 1, "recorders": 1}
P95_SIGMAS: Final = 1.645
NO_GPU: Final = ("", "cpu", "none")
JPEG_REPEATS: Final = 20


class Stage(NamedTuple):
    """One load under which costs are measured: cameras, frames a second of each, and whether one face or
    several are on them.
    """

    name: str
    cameras: int
    fps: float
    is_group: bool = False


STAGES: Final = (
    Stage("light", 1, 5.0),
    Stage("work", 4, 12.0),
    Stage("faces", 4, 8.0, is_group=True),
    Stage("heavy", 4, 75.0),
)
"""Few and many wake-ups, one and several faces, and more than two cores can do."""


class Measured(NamedTuple):
    """What a stage showed.

    Attributes:
        seconds: how long it was measured.
        frames, faces: recorded in that time.
        captured: frames read in that time.
        cpu: service → processor seconds spent in that time.
        processes: service → how many there were.
        memory_mb: service → resident memory of them together.
        spread: standard deviation of the logarithm of the detector's time for a frame.
        device: of the classifier, such as `cpu`.
        others: cores that were neither unused nor this stack's.
    """

    seconds: float
    frames: int
    faces: int
    captured: int
    cpu: Mapping[str, float]
    processes: Mapping[str, int]
    memory_mb: Mapping[str, float]
    spread: float
    device: str
    others: float = 0.0


def calibrate(
    settings: Mapping[str, Any],
    seconds: float,
    progress: Progress = lambda what, share: None,
    stages: Sequence[Stage] = STAGES,
) -> Coefficients:
    """Run a stack of its own under some loads and return what things cost on this machine.

    Args:
        settings: of the stack, nested; one worker of each kind is run.
        seconds: how long each load is measured.
        progress: told what is being done.
        stages: the loads.

    Raises:
        MienError: media, settings or the stack do not work.
    """
    settings = {**settings, "scale": ONE_PROCESS}
    detector = load_detector(load_settings(**settings).detector).name
    with tempfile.TemporaryDirectory(prefix="mien-calibrate-") as name:
        folder = Path(name)
        progress("making the clips", 0.0)
        clips = [_clip(stage, folder) for stage in stages]
        measured = []
        with Stack(folder, settings) as stack:
            for number, (stage, clip) in enumerate(zip(stages, clips, strict=True)):
                progress(f"measuring: {stage.name}", number / len(stages))
                measured.append(_measure(stack, stage, clip, seconds))
        return coefficients_of(measured, detector, _jpeg(clips[0]))


def _clip(stage: Stage, folder: Path) -> Path:
    """Make a clip that plays as fast as the stage wants it: a camera that skips frames reads them all."""
    media, own = default_media(), folder / stage.name
    own.mkdir()
    if stage.is_group:
        cv2.imwrite(str(own / "group.png"), np.tile(read_picture(media), (2, 2, 1)))
        media = own / "group.png"
    return make_clip(media, SIZE, stage.fps, own)


def _measure(stack: Stack, stage: Stage, clip: Path, seconds: float) -> Measured:
    names = [f"{stage.name}-{number}" for number in range(1, stage.cameras + 1)]
    camera = CameraSettings(source=str(clip), loop=True, pace="live")
    stack.add_cameras(dict.fromkeys(names, camera))
    time.sleep(WARM_UP_SECONDS)
    began, began_ns, cpu = time.monotonic(), time.time_ns(), read_cpu(stack)
    captured, unused = _captured(stack, names), _unused()
    time.sleep(seconds)
    ended_ns, spent = time.time_ns(), read_cpu(stack).since(cpu)
    passed, captured = time.monotonic() - began, _captured(stack, names) - captured
    unused = _unused() - unused
    processes = {service: len(found) for service, found in stack.processes().items()}
    memory = read_memory(stack)
    results = [
        result for name in names for result in stack.store.results(name, began_ns, ended_ns, limit=10**7)
    ]
    device = next(
        (str(h.facts.get("device", "")) for h in stack.store.health() if h.service == "classifier"), ""
    )
    stack.remove_cameras()
    return Measured(
        seconds=passed,
        frames=len(results),
        faces=sum(len(result["faces"]) for result in results),
        captured=captured,
        cpu=spent,
        processes=processes,
        memory_mb=memory,
        spread=_spread(stage_milliseconds(results).get("detect", {})),
        device=device,
        others=max(0.0, (os.cpu_count() or 1) - (unused + sum(spent.values())) / passed),
    )


def _unused() -> float:
    """Return seconds so far in which cores had nothing to do."""
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0.0))


def _captured(stack: Stack, names: Sequence[str]) -> int:
    return sum(stack.store.ledger(name)["captured"] for name in names)


def _spread(milliseconds: Mapping[str, float]) -> float:
    """Return the sigma of a log-normal distribution with these percentiles."""
    middle, high = milliseconds.get("p50", 0.0), milliseconds.get("p95", 0.0)
    return math.log(max(1.0, high / middle)) / P95_SIGMAS if middle else 0.0


def coefficients_of(measured: Sequence[Measured], detector: str, jpeg: Jpeg) -> Coefficients:
    """Return what the stages come to, given the detector's name and what JPEG costs."""
    costs = {name: _cost(name, measured) for name in Costs.__struct_fields__ if name != "capture"}
    capture, skipped_ms = _capture_cost(measured)
    device = measured[0].device
    return Coefficients(
        machine=f"{_processor()}, {os.cpu_count()} cores",
        gpu="" if device in NO_GPU else device,
        measured_at=today(),
        detector=detector,
        width=SIZE[0],
        height=SIZE[1],
        costs=Costs(capture=capture, **costs),
        skipped_frame_ms=skipped_ms,
        spread=round(min(2.0, min(m.spread for m in measured)), 3),
        jpeg=jpeg,
        others=round(sum(m.others for m in measured) / len(measured), 2),
    )


def _cost(service: str, measured: Sequence[Measured]) -> Cost:
    rows = [(m.frames, m.faces, m.processes.get(service, 0) * m.seconds) for m in measured]
    frame, face, idle = fit(rows, [m.cpu.get(service, 0.0) for m in measured])
    return _rounded(frame, face, idle, _memory(service, measured))


def _capture_cost(measured: Sequence[Measured]) -> tuple[Cost, float]:
    """Return capture's cost, and ms for a frame that is read and not sent."""
    rows = [
        (m.frames, max(0, m.captured - m.frames), m.processes.get("capture", 0) * m.seconds) for m in measured
    ]
    sent, skipped, idle = fit(rows, [m.cpu.get("capture", 0.0) for m in measured])
    return _rounded(sent, 0.0, idle, _memory("capture", measured)), round(skipped * 1000, 4)


def _rounded(frame: float, face: float, idle: float, memory_mb: float) -> Cost:
    return Cost(round(frame * 1000, 4), round(face * 1000, 4), round(idle * 1000, 3), round(memory_mb, 1))


def _memory(service: str, measured: Sequence[Measured]) -> float:
    return max(m.memory_mb.get(service, 0.0) / max(1, m.processes.get(service, 0)) for m in measured)


def _jpeg(clip: Path) -> Jpeg:
    """Return what compressing and decompressing a picture of the clip takes, as capture does it."""
    capture = cv2.VideoCapture(str(clip))
    ok, picture = capture.read()
    capture.release()
    assert ok, "a clip that was just written can be read"
    quality = [cv2.IMWRITE_JPEG_QUALITY, load_settings().capture.jpeg_quality]
    began = time.process_time()
    for _ in range(JPEG_REPEATS):
        _, data = cv2.imencode(".jpg", picture, quality)
    encoded = time.process_time()
    for _ in range(JPEG_REPEATS):
        cv2.imdecode(data, cv2.IMREAD_COLOR)
    decoded = time.process_time()
    scale = 1000 / JPEG_REPEATS / _megapixels(picture)
    return Jpeg(
        round((encoded - began) * scale, 3),
        round((decoded - encoded) * scale, 3),
        round(len(data) / 1e6 / _megapixels(picture), 4),
    )


def _megapixels(picture: NDArray[Any]) -> float:
    return float(picture.shape[0] * picture.shape[1] / 1e6)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown processor")
