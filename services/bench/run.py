"""One bench from beginning to end, and its figures."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.bench.clip import default_media, make_clip
from services.bench.kernel import PlainLoop
from services.bench.measure import Memory, Readings, dropped, read_cpu
from services.bench.stack import Stack
from shared.config import CameraSettings, load_settings
from shared.vision.faces import load_detector

SAMPLE_SECONDS: Final = 1.0
WARM_UP_SECONDS: Final = 2.0
COMPARE_SECONDS: Final = 10.0
"""How long the pipeline and the plain loop run beside each other."""


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
        kernel: then measure processor time again, beside the plain loop.
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
        detector = load_detector(load_settings(**load.settings).detector).name
        progress("making the clip", 0.0)
        clip = make_clip(load.media or default_media(), load.size, load.fps, folder)
        with Stack(folder, load.settings) as stack:
            figures = _measure(stack, clip, load, progress, lambda: PlainLoop(clip, load.settings))
    figures["detector"] = detector
    return figures


def _measure(
    stack: Stack, clip: Path, load: Load, progress: Progress, plain_loop: Callable[[], PlainLoop]
) -> dict[str, Any]:
    names = [f"bench-{number}" for number in range(1, load.cameras + 1)]
    progress("starting the cameras", 0.0)
    camera = CameraSettings(source=str(clip), loop=True, pace="live")
    stack.add_cameras(dict.fromkeys(names, camera))
    time.sleep(WARM_UP_SECONDS)
    memory, readings = Memory(), Readings(stack.store, names)
    began, began_ns, meter = time.monotonic(), time.time_ns(), _Meter(stack, names)
    while (elapsed := time.monotonic() - began) < load.seconds:
        progress("measuring", elapsed / load.seconds)
        memory.sample(stack)
        readings.take()
        time.sleep(min(SAMPLE_SECONDS, load.seconds - elapsed))
    ended_ns, seconds, recorded, cost = time.time_ns(), time.monotonic() - began, *meter.read()
    workers = [health for health in stack.store.health() if health.service == "classifier"]
    stack.remove_cameras()
    readings.take()
    kernel = None
    if load.kernel:
        progress("measuring beside the plain loop", 0.0)
        cost, kernel = _compare(stack, camera, load, plain_loop)
    return {
        **_ledger_figures(stack, names),
        **readings.figures(began_ns, ended_ns),
        "cpu_seconds_per_1000_frames": cost,
        "kernel_cpu_seconds_per_1000_frames": round(kernel, 3) if kernel else None,
        "overhead_ratio": round(cost["all"] / kernel, 3) if kernel else None,
        "peak_rss_mb": {service: round(megabytes, 1) for service, megabytes in sorted(memory.peak.items())},
        "rss_growth": {service: round(share, 4) for service, share in sorted(memory.growth().items())},
        "per_camera": recorded,
        "per_classifier": {health.instance: health.facts.get("jobs_per_second", 0.0) for health in workers},
        "frames_per_second": round(sum(recorded.values()) / seconds, 1),
    }


def _compare(
    stack: Stack, camera: CameraSettings, load: Load, plain_loop: Callable[[], PlainLoop]
) -> tuple[dict[str, float], float]:
    """Return what 1,000 frames cost the stack, by service, and the plain loop while both run.

    The cameras are others: what the loop makes the stack drop is none of the drops that were measured.
    """
    names = [f"beside-{number}" for number in range(1, load.cameras + 1)]
    with plain_loop() as loop:
        stack.add_cameras(dict.fromkeys(names, camera))
        time.sleep(WARM_UP_SECONDS)
        meter = _Meter(stack, names)
        kernel = loop.run(load.cameras * load.fps, COMPARE_SECONDS)
        _, cost = meter.read()
    stack.remove_cameras()
    return cost, kernel


class _Meter:
    """Frames recorded and processor time spent since it was made."""

    def __init__(self, stack: Stack, cameras: list[str]) -> None:
        self._stack, self._cameras = stack, cameras
        self._recorded, self._cpu = self._counts(), read_cpu(stack)

    def read(self) -> tuple[dict[str, int], dict[str, float]]:
        """Return (camera → frames recorded, `all` and service → processor seconds per 1,000 frames)."""
        recorded = {name: count - self._recorded[name] for name, count in self._counts().items()}
        frames = max(1, sum(recorded.values()))
        spent = read_cpu(self._stack).since(self._cpu)
        by_service = {service: round(spent[service] / frames * 1000, 3) for service in sorted(spent)}
        return recorded, {"all": round(sum(spent.values()) / frames * 1000, 3), **by_service}

    def _counts(self) -> dict[str, int]:
        return {name: self._stack.store.ledger(name)["recorded"] for name in self._cameras}


def _ledger_figures(stack: Stack, names: list[str]) -> dict[str, Any]:
    ledgers = [dict(stack.store.ledger(name)) for name in names]
    return {
        "frames_offered": sum(ledger["captured"] for ledger in ledgers),
        "frames_recorded": sum(ledger["recorded"] for ledger in ledgers),
        "dropped": dropped(ledgers),
    }
