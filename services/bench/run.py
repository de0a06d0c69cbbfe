"""One bench from beginning to end, and its figures."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.bench.clip import default_media, make_clip
from services.bench.kernel import cpu_seconds_per_1000_frames
from services.bench.measure import Memory, dropped, percentiles, read_cpu, stage_milliseconds
from services.bench.stack import Stack
from shared.artefact import DEFAULT_ARTEFACT
from shared.config import CameraSettings, load_settings
from shared.vision.faces import load_detector

SAMPLE_SECONDS: Final = 1.0
WARM_UP_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Load:
    """What is offered to the stack.

    Attributes:
        cameras: number of cameras.
        fps: frames a second of each.
        size: width and height of their frames, in pixels.
        seconds: how long it is measured.
        media: picture or video that they show; None: a portrait of the demo extra.
        settings: of the stack, nested (detection width, weights, workers, backend).
        kernel: measure the plain loop too.
    """

    cameras: int = 4
    fps: float = 15.0
    size: tuple[int, int] = (640, 480)
    seconds: float = 20.0
    media: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    kernel: bool = True


Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is over, 0 to 1."""


def run_bench(load: Load, progress: Progress = lambda what, share: None) -> dict[str, Any]:
    """Run a stack of its own under the load and return the figures.

    Keys: `frames_offered`, `frames_recorded`, `faces_recorded`, `dropped` (by reason), `latency_ms` (p50, p95
    and p99, capture → in Redis), `stage_ms` (stage → p50, p95), `cpu_seconds_per_1000_frames` (`all`, by
    service), `kernel_cpu_seconds_per_1000_frames`, `overhead_ratio`, `peak_rss_mb` (by service).
    Beside them, for people: `detector`, `per_camera`, `per_classifier`, `frames_per_second`, `rss_growth`.

    Raises:
        MienError: media, settings or the stack do not work.
    """
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as name:
        folder = Path(name)
        settings = load_settings(**load.settings)
        detector = load_detector(settings.detector).name
        progress("making the clip", 0.0)
        clip = make_clip(load.media or default_media(), load.size, load.fps, folder)
        with Stack(folder, load.settings) as stack:
            figures = _measure(stack, clip, load, progress)
        kernel = None
        if load.kernel:
            progress("measuring the plain loop", 0.0)
            kernel = cpu_seconds_per_1000_frames(
                clip, settings, settings.classifier.model or DEFAULT_ARTEFACT
            )
    figures["detector"] = detector
    figures["kernel_cpu_seconds_per_1000_frames"] = round(kernel, 3) if kernel else None
    total = figures["cpu_seconds_per_1000_frames"]["all"]
    figures["overhead_ratio"] = round(total / kernel, 3) if kernel else None
    return figures


def _measure(stack: Stack, clip: Path, load: Load, progress: Progress) -> dict[str, Any]:
    names = [f"bench-{number}" for number in range(1, load.cameras + 1)]
    progress("starting the cameras", 0.0)
    stack.add_cameras({name: CameraSettings(source=str(clip), loop=True, pace="live") for name in names})
    time.sleep(WARM_UP_SECONDS)
    memory = Memory()
    began, began_ns, cpu_before = time.monotonic(), time.time_ns(), read_cpu(stack)
    recorded_before = {name: stack.store.ledger(name)["recorded"] for name in names}
    while (elapsed := time.monotonic() - began) < load.seconds:
        progress("measuring", elapsed / load.seconds)
        memory.sample(stack)
        time.sleep(min(SAMPLE_SECONDS, load.seconds - elapsed))
    ended_ns, cpu = time.time_ns(), read_cpu(stack).since(cpu_before)
    recorded = {name: stack.store.ledger(name)["recorded"] - recorded_before[name] for name in names}
    workers = [health for health in stack.store.health() if health.service == "classifier"]
    stack.remove_cameras()
    frames = max(1, sum(recorded.values()))
    per_1000 = {service: round(seconds / frames * 1000, 3) for service, seconds in sorted(cpu.items())}
    return {
        **_ledger_figures(stack, names),
        **_result_figures(stack, names, began_ns, ended_ns),
        "cpu_seconds_per_1000_frames": {"all": round(sum(cpu.values()) / frames * 1000, 3), **per_1000},
        "peak_rss_mb": {service: round(megabytes, 1) for service, megabytes in sorted(memory.peak.items())},
        "rss_growth": {service: round(share, 4) for service, share in sorted(memory.growth().items())},
        "per_camera": recorded,
        "per_classifier": {health.instance: health.facts.get("jobs_per_second", 0.0) for health in workers},
        "frames_per_second": round(frames / (time.monotonic() - began), 1),
    }


def _ledger_figures(stack: Stack, names: list[str]) -> dict[str, Any]:
    ledgers = [dict(stack.store.ledger(name)) for name in names]
    return {
        "frames_offered": sum(ledger["captured"] for ledger in ledgers),
        "frames_recorded": sum(ledger["recorded"] for ledger in ledgers),
        "dropped": dropped(ledgers),
    }


def _result_figures(stack: Stack, names: list[str], since_ns: int, until_ns: int) -> dict[str, Any]:
    results = [
        result for name in names for result in stack.store.results(name, since_ns, until_ns, limit=10_000_000)
    ]
    return {
        "faces_recorded": sum(len(result["faces"]) for result in results),
        "latency_ms": percentiles(map(_latency_milliseconds, results), (50, 95, 99)),
        "stage_ms": stage_milliseconds(results),
    }


def _latency_milliseconds(result: dict[str, Any]) -> float:
    """Return capture → in Redis: Redis itself stamped the entry with the millisecond at which it wrote it."""
    written_ms = int(result["id"].split("-")[0]) + 0.5
    return max(0.0, written_ms - float(result["captured_ns"]) / 1e6)
