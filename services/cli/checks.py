"""What `mien doctor` looks at; each check gives one finding and never raises."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from services.supervisor.embedded_redis import server_binary
from services.supervisor.launch import is_free
from shared.config import Settings
from shared.demo import HOW_TO_GET, demo_cameras
from shared.errors import MienError, StoreError
from shared.gpus import list_gpus
from shared.paths import expanded
from shared.stack import running_stack, without_password
from shared.store import Store

LOW_MEMORY_GB: Final = 2.0
LOW_DISK_GB: Final = 2.0


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    ADVICE = "advice"
    MISSING = "missing"


class Finding(NamedTuple):
    """One thing looked at."""

    what: str
    state: State
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Return the findings in the order in which they matter."""
    checks: list[Callable[[Settings], Finding]] = [
        _processor, _memory, _gpus, _cameras, _redis, _data,
        _model, _detector, _video, _port, _demo, _training,
    ]  # fmt: skip
    return [_safely(check, settings) for check in checks]


def _safely(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except MienError as error:
        return Finding(check.__name__.strip("_"), State.MISSING, "not usable", str(error))


def _processor(settings: Settings) -> Finding:
    cores = len(os.sched_getaffinity(0))
    found = f"{cores} core(s) {platform.machine()}, Python {platform.python_version()}"
    if cores < 2:
        return Finding("processor", State.ADVICE, found, "two cores or more carry several cameras")
    return Finding("processor", State.OK, found)


def _memory(settings: Settings) -> Finding:
    free = psutil.virtual_memory().available / 2**30
    found = f"{free:.1f} GB free of {psutil.virtual_memory().total / 2**30:.1f}"
    if free < LOW_MEMORY_GB:
        return Finding("memory", State.ADVICE, found, "each worker takes about 150 MB: start few")
    return Finding("memory", State.OK, found)


def _gpus(settings: Settings) -> Finding:
    present = list_gpus()
    if not present:
        return Finding("GPUs", State.OK, "none: classifiers run on the processor")
    if importlib.util.find_spec("tensorflow") is None:
        return Finding(
            "GPUs", State.ADVICE, f"{len(present)}, not used", "to use them: pip install 'mien[gpu]'"
        )
    return Finding("GPUs", State.OK, f"{len(present)}: {', '.join(present)}")


def _cameras(settings: Settings) -> Finding:
    devices = sorted(Path("/dev").glob("video*"))
    closed = [str(device) for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    if closed:
        remedy = "join the group that owns it: sudo usermod -aG video $USER, then log in again"
        return Finding("webcams", State.ADVICE, f"no access to {', '.join(closed)}", remedy)
    if not devices:
        return Finding("webcams", State.OK, "none here; network cameras and files need none")
    return Finding("webcams", State.OK, ", ".join(map(str, devices)))


def _redis(settings: Settings) -> Finding:
    stack = running_stack(settings.run_dir)
    url = settings.redis.url or (stack.redis if stack else "")
    if url:
        store = Store(settings.redis.model_copy(update={"url": url}), settings.run_dir)
        store.ping()
        whose = f"of the running stack (pid {stack.pid})" if stack and not settings.redis.url else "answers"
        return Finding("redis", State.OK, f"{without_password(url)} {whose}")
    return Finding("redis", State.OK, f"embedded server {server_binary().name}, started by mien up")


def _data(settings: Settings) -> Finding:
    if settings.redis.url:
        return Finding("data folder", State.OK, "not used: redis.url names a server that keeps its own")
    folder = expanded(settings.redis.data_dir)
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free / 2**30
    if not os.access(place, os.W_OK):
        return Finding("data folder", State.MISSING, f"{folder} can't be written", "set redis.data_dir")
    remedy = "" if free >= LOW_DISK_GB else "make room, or set redis.data_dir or retention.results"
    return Finding(
        "data folder", State.ADVICE if remedy else State.OK, f"{folder}, {free:.0f} GB free", remedy
    )


def _model(settings: Settings) -> Finding:
    from shared.artefact import DEFAULT_ARTEFACT, load_artefact

    artefact = load_artefact(settings.classifier.model or DEFAULT_ARTEFACT)
    artefact.file(settings.classifier.file)
    sha256 = artefact.card.files[settings.classifier.file].sha256
    found = f"{artefact.card.name}, {settings.classifier.file} ({sha256[:12]})"
    if artefact.card.provisional:
        return Finding("model", State.ADVICE, found, f"it is provisional: {artefact.card.note}")
    return Finding("model", State.OK, found)


def _detector(settings: Settings) -> Finding:
    from shared.vision.faces import load_detector

    detector = load_detector(settings.detector)
    if detector.remedy:
        return Finding("detector", State.ADVICE, detector.name, detector.remedy)
    return Finding("detector", State.OK, detector.name)


def _video(settings: Settings) -> Finding:
    import cv2

    if cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends():
        return Finding("video", State.OK, f"OpenCV {cv2.__version__} with FFmpeg")
    remedy = "install opencv-python-headless from PyPI: this build reads no video files and network streams"
    return Finding("video", State.MISSING, f"OpenCV {cv2.__version__} without FFmpeg", remedy)


def _port(settings: Settings) -> Finding:
    dashboard = settings.dashboard
    usable = running_stack(settings.run_dir) or is_free(dashboard.host, dashboard.port)
    if usable or _dashboard_runs(settings):
        return Finding("dashboard port", State.OK, f"{dashboard.host}:{dashboard.port}")
    remedy = "mien up takes the next free one, or choose with --port"
    return Finding("dashboard port", State.ADVICE, f"{dashboard.port} is taken", remedy)


def _dashboard_runs(settings: Settings) -> bool:
    """Say whether a stack without `mien up`, as in containers, has a page already."""
    if not settings.redis.url:
        return False
    try:
        return any(each.service == "dashboard" for each in Store(settings.redis, settings.run_dir).health())
    except StoreError:
        return False


def _demo(settings: Settings) -> Finding:
    cameras = demo_cameras()
    if not cameras:
        return Finding(
            "demo cameras", State.ADVICE, "no media", f"to try Mien without a camera: {HOW_TO_GET}"
        )
    return Finding("demo cameras", State.OK, ", ".join(cameras))


def _training(settings: Settings) -> Finding:
    if importlib.util.find_spec("tensorflow") is None:
        return Finding(
            "training", State.OK, "not installed (only mien train needs it: pip install 'mien[train]')"
        )
    return Finding("training", State.OK, "TensorFlow is installed")
