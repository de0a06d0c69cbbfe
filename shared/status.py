"""What the whole stack is doing right now, in one document: `mien status`, the API and the page show this."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from shared import topology
from shared.balance import Latency, Ledger, balance_of, latency_of, sum_balances, sum_counts
from shared.capacity import LESS_WORK, crowded_hosts, enough_workers
from shared.config import BROWSER, redact_source
from shared.records import CameraState, Health, Wanted, WantedCamera

WINDOW_MINUTES: Final = 2
"""Rates and latencies look at the running minute and those before it, this many in all."""
NEEDED: Final = ("capture", "broker", "detector", "classifier", "recorder")
"""Without one of each of these no result comes."""


class CameraStatus(Struct, frozen=True, kw_only=True):
    """One camera: what is wanted, what its capture process says, what was recorded."""

    camera: str
    source: str
    """Without user and password."""
    group: str
    """The capture group that runs it; the page shows cameras by group."""
    origin: str
    state: str
    """connecting, live, lost, ended or paused; `detail` says why."""
    since_ns: int
    detail: str
    width: int
    height: int
    asked_per_second: float | None
    """Frames a second that its settings ask for; None: as the source gives them."""
    captured_per_second: float
    recorded_per_second: float
    faces_per_second: float
    """Of the recorded frames."""
    reconnects: int
    latency: Latency
    ledger: Ledger


class QueueStatus(Struct, frozen=True, kw_only=True):
    """One of the broker's queues; names as in the metrics."""

    queue: str
    depth: int = 0
    oldest_seconds: float = 0.0
    arrivals_per_second: float = 0.0


class WorkerStatus(Struct, frozen=True, kw_only=True):
    """One process of the stack."""

    service: str
    instance: str
    host: str
    pid: int
    state: str
    started_ns: int
    metrics_port: int
    jobs_per_second: float | None
    seconds_per_job: float | None
    busy: float | None
    """Share of its time spent in steps, 0 to 1."""
    batch_size: float | None
    """Mean jobs in a step."""
    clock_offset_seconds: float
    """The broker's wall clock minus its host's."""
    cores: int
    """Of its host; 0: not known."""
    host_busy: float
    """Share of its host's cores in use, 0 to 1."""
    facts: dict[str, Any]
    """What the service adds: model, backend, detector, device and the like."""


class Status(Struct, frozen=True, kw_only=True):
    """The whole stack at one moment."""

    at_ns: int
    cameras: list[CameraStatus]
    workers: list[WorkerStatus]
    queues: list[QueueStatus]
    demand: dict[str, float]
    """Service → demand ratio; over 1 the service can't keep up."""
    latency: Latency
    ledger: Ledger
    blur: bool
    """Whether faces are blurred in previews."""
    remedies: list[str]
    """What a person should do, one sentence each; empty when all is well."""


class StatusSource(Protocol):
    """The part of `shared.store.Store` that a status is read from; each call may raise StoreError."""

    def wanted_cameras(self) -> dict[str, WantedCamera]:
        """See Store."""

    def camera_states(self) -> dict[str, CameraState]:
        """See Store."""

    def health(self) -> list[Health]:
        """See Store."""

    def wanted(self) -> Wanted:
        """See Store."""

    def ledger(self, camera: str) -> dict[str, int]:
        """See Store."""

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        """See Store."""


def read_status(store: StatusSource, now_ns: int | None = None, *, supervised: bool = False) -> Status:
    """Return the state of the stack that uses this store.

    Args:
        store: its Redis.
        now_ns: wall clock; None: this host's.
        supervised: whether a `mien up` runs it, so that `mien scale` is heeded.

    Raises:
        StoreError: Redis is away.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    health, states = store.health(), store.camera_states()
    histograms: Counter[str] = Counter()
    cameras = []
    for name, wanted in store.wanted_cameras().items():
        minutes = _recent_minutes(store, name, now_ns)
        histogram = sum_counts(row["latency"] for row in minutes)
        histograms.update(histogram)
        seconds = _window_seconds(states.get(name), now_ns)
        rates = [sum(row[what] for row in minutes) / seconds for what in ("frames", "faces")]
        cameras.append(_camera(name, wanted, states.get(name), histogram, rates, store.ledger(name)))
    workers = [_worker(sign) for sign in health]
    broker = next((sign.facts for sign in health if sign.service == topology.BROKER.name), {})
    return Status(
        at_ns=now_ns,
        cameras=cameras,
        workers=workers,
        queues=_queues(broker.get("queues", {})),
        demand=dict(broker.get("demand", {})),
        latency=latency_of(histograms),
        ledger=sum_balances(camera.ledger for camera in cameras),
        blur=store.wanted().blur,
        remedies=_remedies(cameras, workers, broker.get("demand", {}), supervised),
    )


def _recent_minutes(store: StatusSource, camera: str, now_ns: int) -> list[dict[str, Any]]:
    minute = now_ns // 60_000_000_000
    return store.minutes(camera, minute - WINDOW_MINUTES + 1, minute + 1)


def _window_seconds(state: CameraState | None, now_ns: int) -> float:
    """Return how long the frames of the recent minutes took to come: less than them for a new camera."""
    minute_ns = 60_000_000_000
    start_ns = (now_ns // minute_ns - WINDOW_MINUTES + 1) * minute_ns
    if state is not None and state.state == "live" and not state.reconnects:
        start_ns = max(start_ns, state.since_ns)
    return max((now_ns - start_ns) / 1e9, 1.0)


def _camera(
    name: str,
    wanted: WantedCamera,
    state: CameraState | None,
    histogram: Mapping[str, int],
    rates: Sequence[float],
    counts: Mapping[str, int],
) -> CameraStatus:
    unheard = (
        "no browser sends its pictures yet"
        if wanted.settings.source == BROWSER
        else "no capture process runs it"
    )
    state = state or CameraState(camera=name, state="connecting", since_ns=0, detail=unheard)
    return CameraStatus(
        camera=name,
        source=redact_source(wanted.settings.source),
        group=wanted.settings.group,
        origin=wanted.origin,
        state="paused" if wanted.settings.paused else state.state,
        since_ns=state.since_ns,
        detail=state.detail,
        width=state.width,
        height=state.height,
        asked_per_second=wanted.settings.fps,
        captured_per_second=round(state.fps, 2),
        recorded_per_second=round(rates[0], 2),
        faces_per_second=round(rates[1], 2),
        reconnects=state.reconnects,
        latency=latency_of(histogram),
        ledger=balance_of(counts),
    )


def _worker(sign: Health) -> WorkerStatus:
    facts = dict(sign.facts)
    names = ("jobs_per_second", "seconds_per_job", "busy", "batch_size")
    rates = {name: facts.pop(name, None) for name in names}
    for name in ("queues", "demand"):
        facts.pop(name, None)
    return WorkerStatus(
        service=sign.service,
        instance=sign.instance,
        host=sign.host,
        pid=sign.pid,
        state=sign.state,
        started_ns=sign.started_ns,
        metrics_port=sign.metrics_port,
        clock_offset_seconds=sign.clock_offset_seconds,
        cores=sign.cores,
        host_busy=sign.host_busy,
        **rates,
        facts=facts,
    )


def _queues(facts: Mapping[str, Mapping[str, Any]]) -> list[QueueStatus]:
    return [
        QueueStatus(
            queue=name,
            depth=int(facts.get(name, {}).get("depth", 0)),
            oldest_seconds=float(facts.get(name, {}).get("oldest_seconds", 0)),
            arrivals_per_second=float(facts.get(name, {}).get("arrivals_per_second", 0)),
        )
        for name in topology.QUEUES
    ]


def _remedies(
    cameras: Sequence[CameraStatus],
    workers: Sequence[WorkerStatus],
    demand: Mapping[str, float],
    supervised: bool,
) -> list[str]:
    present = Counter(worker.service for worker in workers)
    missing = [f"No {name} runs: results wait until one is started." for name in NEEDED if not present[name]]
    waiting = [
        f"{worker.instance} is {worker.state}." for worker in workers if worker.state.startswith("waiting")
    ]
    lost = [
        f"Camera {camera.camera} is lost: {camera.detail or 'no frames come'}."
        for camera in cameras
        if camera.state == "lost"
    ]
    overloaded = [
        _overload(service, ratio, [worker for worker in workers if worker.service == service], supervised)
        for service, ratio in demand.items()
        if ratio > 1
    ]
    advised = [str(worker.facts["remedy"]) for worker in workers if worker.facts.get("remedy")]
    return list(dict.fromkeys([*missing, *waiting, *lost, *overloaded, *advised]))


def _overload(service: str, ratio: float, workers: Sequence[WorkerStatus], supervised: bool) -> str:
    says = f"The {service} can't keep up (demand {ratio:.2f})"
    if crowded_hosts(workers):
        return f"{says}, and no core is free for another one. {LESS_WORK[service]}"
    wanted = enough_workers(workers, ratio)
    return f"{says}: mien scale {service}={wanted}" if supervised else f"{says}: run {wanted} of them."
