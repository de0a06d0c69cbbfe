"""Every Prometheus metric, declared once; loops observe them, services do not know them."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    make_wsgi_app,
)

from shared.config import MetricsSettings
from shared.errors import ConfigError

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

LATENCY_BUCKETS: Final = (
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.2,
    0.25,
    0.3,
    0.4,
    0.5,
    0.75,
    1,
    1.5,
    2,
    5,
)
STAGE_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, text, labels, buckets=buckets, registry=REGISTRY)


FRAMES: Final = _counter("mien_frames_total", "Captured frames by what became of them.", "camera", "outcome")
FACES: Final = _counter("mien_faces_total", "Recorded faces by emotion.", "camera", "emotion")
END_TO_END: Final = _histogram(
    "mien_end_to_end_seconds", "From capture to confirmed in Redis.", LATENCY_BUCKETS, "camera"
)
OBJECTIVE: Final = _gauge("mien_objective_seconds", "End-to-end latency that is still good, as configured.")
LEDGER_IN_FLIGHT: Final = _gauge(
    "mien_ledger_in_flight", "Frames captured and not accounted for yet, by Redis' ledger.", "camera"
)
LEDGER_IMBALANCE: Final = _gauge(
    "mien_ledger_imbalance",
    "Frames that the ledger has too few (or, below 0, too many); 0 is right.",
    "camera",
)
CLOCK_CLAMPS: Final = _counter(
    "mien_clock_clamps_total", "Latencies below zero by clock offset, counted as zero."
)
GLASS: Final = _histogram(
    "mien_glass_seconds", "From capture to drawn in a browser.", LATENCY_BUCKETS, "camera"
)
STAGE: Final = _histogram("mien_stage_seconds", "Time a frame spent in a stage.", STAGE_BUCKETS, "stage")
QUEUE_DEPTH: Final = _gauge("mien_queue_depth", "Messages waiting in the broker.", "queue")
QUEUE_OLDEST: Final = _gauge("mien_queue_oldest_seconds", "Age of the oldest waiting message.", "queue")
DEMAND: Final = _gauge(
    "mien_demand_ratio", "Arrivals a second x mean seconds a job / workers; over 1 is overload.", "service"
)
WORKERS: Final = _gauge("mien_workers", "Workers connected to the broker.", "service")
BATCH_SIZE: Final = _histogram("mien_batch_size", "Jobs in a step.", (1, 2, 4, 8, 16, 32, 64))
JOBS: Final = _counter("mien_jobs_total", "Jobs a worker has finished.", "service")
BUSY: Final = _counter("mien_busy_seconds_total", "Seconds a worker has spent in steps.", "service")
CAMERA_UP: Final = _gauge(
    "mien_camera_up",
    "1 while a camera delivers frames, 0 while it should; none if paused or at its end.",
    "camera",
)
CAMERA_RECONNECTS: Final = _counter(
    "mien_camera_reconnects_total", "Times a camera was opened again.", "camera"
)
CLOCK_OFFSET: Final = _gauge("mien_clock_offset_seconds", "Broker's wall clock minus this host's.", "host")
HOST_BUSY: Final = _gauge("mien_host_busy_ratio", "Share of the host's cores that are busy.", "host")
HOST_CORES: Final = _gauge("mien_host_cores", "Cores of the host.", "host")
REDIS_UP: Final = _gauge("mien_redis_up", "1 while Redis takes what a process writes, else 0.", "service")
INVALID: Final = _counter("mien_invalid_messages_total", "Messages refused on arrival.", "service", "kind")
TRACES: Final = _counter(
    "mien_traces_total", "Sampled frames' traces: sent, failed (no receiver took them), dropped.", "outcome"
)
WEBHOOK_MESSAGES: Final = _counter(
    "mien_webhook_messages_total", "Webhook messages by what became of them in the end.", "outcome"
)
WEBHOOK_RETRIES: Final = _counter("mien_webhook_retries_total", "Attempts that will be made again.")
MODEL_INFO: Final = _gauge("mien_model_info", "1 for the model in use.", "name", "sha256", "backend")


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a request; none of them keeps the process from ending."""

    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to read who scraped."""


Answer = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Says whether this process is well, and what it tells of itself (see `shared.pulse.Pulse.answer`)."""


def start_server(settings: MetricsSettings, default_port: int, health: Answer | None = None) -> int:
    """Serve `/metrics`, and `/healthz` where `health` is given, from threads; return the port.

    Raises:
        ConfigError: the port is taken.
    """
    OBJECTIVE.set(settings.objective)
    port = default_port if settings.port is None else settings.port
    kind = _Server6 if ":" in settings.host else _Server
    try:
        server = make_server(settings.host, port, _pages(health), kind, _Quiet)
    except OSError as error:
        raise ConfigError(
            f"metrics.port: can't listen on {settings.host}:{port}: {error.strerror}; use 0 for a free one"
        ) from None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server.server_port


def _pages(health: Answer | None) -> WSGIApplication:
    serve_metrics: WSGIApplication = make_wsgi_app(REGISTRY)

    def serve(request: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if health is None or request["PATH_INFO"] != "/healthz":
            return serve_metrics(request, start)
        is_well, facts = health()
        start("200 OK" if is_well else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [json.dumps(facts).encode()]

    return serve


def show_model(facts: Mapping[str, Any]) -> None:
    """Set `mien_model_info` from a classifier's health facts, and drop the model it had before."""
    if "model" in facts:
        MODEL_INFO.clear()
        MODEL_INFO.labels(name=facts["model_name"], sha256=facts["model"], backend=facts["backend"]).set(1)


def forget_camera(camera: str) -> None:
    """Drop all series of a removed camera, so that labels stay bounded."""
    for metric in (
        FRAMES,
        FACES,
        END_TO_END,
        GLASS,
        CAMERA_UP,
        CAMERA_RECONNECTS,
        LEDGER_IN_FLIGHT,
        LEDGER_IMBALANCE,
    ):
        metric.remove_by_labels({"camera": camera})
