"""`GET /api/system`: where a frame's time goes, what limits the stack, and the figures that show it."""

import platform
import threading
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from msgspec import Struct, field

from services.dashboard.access import NEED_VIEWER
from services.dashboard.drops import DropsWatch, RecentDrops
from services.dashboard.findings import Evidence, Finding
from services.dashboard.history import LatencyHistory, LatencyPoint
from services.dashboard.verdict import judge, redis_away
from services.dashboard.waterfall import StageTime, waterfall
from shared import topology
from shared.balance import MEANINGS
from shared.capacity import Load, load_of
from shared.errors import StoreError
from shared.messages import SCHEMA
from shared.status import QueueStatus, Status, read_status
from shared.store import Store
from shared.store_figures import FrameAges, ServerFigures

FRAMES_LOOKED_AT: Final = 400
"""For the waterfall, all cameras together; of each camera at least five."""
RECENT_SECONDS: Final = 60.0
"""Older frames say nothing about now."""
FRESH_SECONDS: Final = 0.9
"""So long a document serves all who ask."""
METRICS: Final = {
    "waterfall": "mien_stage_seconds",
    "glass": "mien_glass_seconds",
    "workers": "mien_workers",
    "demand": "mien_demand_ratio",
    "depth": "mien_queue_depth",
    "oldest_seconds": "mien_queue_oldest_seconds",
    "latency": "mien_end_to_end_seconds",
    "ledger": "mien_frames_total",
    "jobs_per_second": "mien_jobs_total",
    "busy": "mien_busy_seconds_total",
    "batch_size": "mien_batch_size",
    "clock_offset_seconds": "mien_clock_offset_seconds",
    "model": "mien_model_info",
}
"""Field of the document → the Prometheus metric of the same figure."""

router = APIRouter(tags=["system"])


class PipelineStage(Struct, frozen=True, kw_only=True):
    """One service of the pipeline with the queue in front of it."""

    service: str
    workers: int
    per_second: float
    """Captured frames for capture; else finished jobs, all workers together."""
    busy: float | None
    """Mean share of its workers' time spent in steps, 0 to 1."""
    demand: float | None
    load: Load
    """`over`: it can't keep up; `near`: it has no room left; `absent`: there is none of its workers."""
    queue: QueueStatus | None


class Model(Struct, frozen=True, kw_only=True):
    """A model that classifiers have loaded."""

    sha256: str
    """First digits of the file's hash."""
    backend: str
    provisional: bool
    workers: int


class System(Struct, frozen=True, kw_only=True):
    """Everything that the system page shows."""

    at_ns: int
    objective_seconds: float
    verdict: Finding
    findings: list[Finding]
    """What else there is to say, the most important first."""
    status: Status | None
    """The document of `/api/status`; None while Redis is away, and then all below is empty."""
    waterfall: list[StageTime] = []
    pipeline: list[PipelineStage] = []
    history: list[LatencyPoint] = []
    drops: RecentDrops = RecentDrops()
    models: list[Model] = []
    redis: ServerFigures | None = None
    versions: dict[str, str] = {}
    outcomes: dict[str, str] = field(default_factory=lambda: dict(MEANINGS))
    """Outcome of a frame that was dropped → what became of it, for a person."""
    metrics: dict[str, str] = field(default_factory=METRICS.copy)


class SystemReader:
    """Makes the document; one serves all who ask within a second.

    Args:
        store: the stack's Redis.
        objective_seconds: end-to-end latency that is still good.
    """

    def __init__(self, store: Store, objective_seconds: float) -> None:
        self._store, self._objective_seconds = store, objective_seconds
        self._history, self._drops = LatencyHistory(store), DropsWatch()
        self._lock = threading.Lock()
        self._made: dict[int, tuple[float, bytes]] = {}

    def read(self, minutes: int) -> bytes:
        """Return the document as JSON.

        Args:
            minutes: how far back the latency goes.
        """
        with self._lock:
            made_at, document = self._made.get(minutes, (0.0, b""))
            if not document or time.monotonic() - made_at > FRESH_SECONDS:
                document = msgspec.json.encode(self._make(minutes))
                now = time.monotonic()
                fresh = {key: made for key, made in self._made.items() if now - made[0] < FRESH_SECONDS}
                self._made = {**fresh, minutes: (now, document)}
            return document

    def _make(self, minutes: int) -> System:
        try:
            return self._measured(minutes)
        except StoreError as error:
            return System(
                at_ns=time.time_ns(),
                objective_seconds=self._objective_seconds,
                verdict=redis_away(error),
                findings=[],
                status=None,
                versions=_versions(None),
            )

    def _measured(self, minutes: int) -> System:
        status, server = read_status(self._store), self._server()
        cameras = [camera.camera for camera in status.cameras]
        stages = waterfall(self._recent(cameras, status.at_ns), _glass(status))
        drops = self._drops.look(
            {camera.camera: camera.ledger for camera in status.cameras}, time.monotonic()
        )
        findings = judge(
            Evidence(
                status=status,
                drops=drops,
                stages=stages,
                server=server,
                objective_ms=self._objective_seconds * 1000,
            )
        )
        return System(
            at_ns=status.at_ns,
            objective_seconds=self._objective_seconds,
            verdict=findings[0],
            findings=findings[1:],
            status=status,
            waterfall=stages,
            pipeline=_pipeline(status),
            history=self._history.points(cameras, minutes, status.at_ns // 60_000_000_000),
            drops=drops,
            models=_models(status),
            redis=server,
            versions=_versions(server),
        )

    def _server(self) -> ServerFigures | None:
        """Return None from a Redis that does not tell, such as a managed one without INFO."""
        try:
            return self._store.server()
        except StoreError:
            return None

    def _recent(self, cameras: list[str], now_ns: int) -> Iterable[FrameAges]:
        each = max(5, FRAMES_LOOKED_AT // max(1, len(cameras)))
        oldest_ns = now_ns - int(RECENT_SECONDS * 1e9)
        frames = self._store.newest_ages(cameras, each)
        return (frame for frame in frames if frame.captured_ns >= oldest_ns)


def _glass(status: Status) -> tuple[float, float] | None:
    """Return what a dashboard says of its browsers: capture to drawn in ms, median and 95th percentile."""
    for facts in (worker.facts for worker in status.workers if worker.service == topology.DASHBOARD.name):
        if "glass_p50_ms" in facts:
            return float(facts["glass_p50_ms"]), float(facts["glass_p95_ms"])
    return None


def _pipeline(status: Status) -> list[PipelineStage]:
    queues = {queue.queue: queue for queue in status.queues}
    captured = sum(camera.captured_per_second for camera in status.cameras)
    stages = []
    for kind in (topology.CAPTURE, topology.DETECTOR, topology.CLASSIFIER, topology.RECORDER):
        workers = [worker for worker in status.workers if worker.service == kind.name]
        busy = [worker.busy for worker in workers if worker.busy is not None]
        jobs = sum(worker.jobs_per_second or 0 for worker in workers)
        stages.append(
            PipelineStage(
                service=kind.name,
                workers=len(workers),
                per_second=round(captured if kind is topology.CAPTURE else jobs, 2),
                busy=round(sum(busy) / len(busy), 3) if busy else None,
                demand=status.demand.get(kind.name),
                load=load_of(len(workers), status.demand.get(kind.name)),
                queue=queues.get(kind.queue or ""),
            )
        )
    return stages


def _models(status: Status) -> list[Model]:
    found: dict[tuple[str, str], Model] = {}
    for facts in (worker.facts for worker in status.workers if "model" in worker.facts):
        key = (str(facts["model"]), str(facts.get("backend", "")))
        workers = found[key].workers + 1 if key in found else 1
        provisional = bool(facts.get("provisional"))
        found[key] = Model(sha256=key[0], backend=key[1], provisional=provisional, workers=workers)
    return list(found.values())


def _versions(server: ServerFigures | None) -> dict[str, str]:
    try:
        mien = version("mien")
    except PackageNotFoundError:
        mien = "not installed"
    known = {"mien": mien, "messages": SCHEMA, "python": platform.python_version()}
    return {**known, server.product: server.version} if server else known


@router.get("/api/system", dependencies=[NEED_VIEWER])
def system(
    request: Request,
    minutes: Annotated[int, Query(ge=1, le=1440, description="how far back the latency goes")] = 60,
) -> Response:
    """The waterfall of one frame, a verdict with what to do, pipeline, latency, workers, drops, versions.

    Also while Redis is away: then the verdict says so, and `status` is null.
    """
    reader: SystemReader = request.app.state.system
    return Response(reader.read(minutes), media_type="application/json")
