"""Sends an OpenTelemetry trace per sampled frame, made of its stages; the only part that knows that SDK."""

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from shared import metrics
from shared.config import OtelSettings
from shared.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_log = logging.getLogger(__name__)

QUEUE_LENGTH: Final = 256
BATCH: Final = 64
TIMEOUT_SECONDS: Final = 5.0
"""For one request and its repetitions."""


class FrameTrace(NamedTuple):
    """What a trace tells of one recorded frame."""

    camera: str
    run: int
    sequence: int
    faces: int
    captured_ns: int
    """Broker's wall clock."""
    stages: Mapping[str, float]
    """Stage → seconds, in the order of the frame's road."""
    latency_seconds: float
    """From capture to confirmed in Redis."""


class Tracer:
    """Takes frames without waiting; a thread of its own sends them.

    Args:
        settings: where to, and how many.
        instance: this recorder's name.
        objective_seconds: a frame that took longer is always traced.

    Raises:
        ConfigError: the OpenTelemetry packages are not installed.
    """

    def __init__(self, settings: OtelSettings, instance: str, objective_seconds: float) -> None:
        self._every, self._objective_seconds = settings.every, objective_seconds
        self._waiting: queue.Queue[FrameTrace] = queue.Queue(QUEUE_LENGTH)
        self._sender = _Sender(settings.endpoint or "", instance)
        threading.Thread(target=self._run, name="traces", daemon=True).start()

    def wants(self, sequence: int, latency_seconds: float) -> bool:
        """Say whether a frame is to be traced: each n-th, and every one over the objective."""
        return sequence % self._every == 0 or latency_seconds > self._objective_seconds

    def offer(self, trace: FrameTrace) -> None:
        """Queue a trace; where the receiver is too slow for all of them, it is dropped and counted."""
        try:
            self._waiting.put_nowait(trace)
        except queue.Full:
            metrics.TRACES.labels(outcome="dropped").inc()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            outcome = "sent" if self._sender.send(batch) else "failed"
            metrics.TRACES.labels(outcome=outcome).inc(len(batch))


class _Sender:
    """Makes spans of frames and posts them; imports the SDK, which nobody else needs, when it is made."""

    def __init__(self, endpoint: str, instance: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SpanExportResult
        except ImportError as error:
            raise ConfigError(
                f"otel.endpoint: {error.name} is not installed; install it with pip install 'mien[otel]'"
            ) from None
        self._success = SpanExportResult.SUCCESS
        url = endpoint.rstrip("/")
        self._exporter = OTLPSpanExporter(
            url if url.endswith("/v1/traces") else f"{url}/v1/traces", timeout=TIMEOUT_SECONDS
        )
        resource = Resource({"service.name": "mien", "service.instance.id": instance})
        self._tracer = TracerProvider(resource=resource, shutdown_on_exit=False).get_tracer("mien.recorder")
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # an outage is said once, below
        self._is_down = False

    def send(self, frames: Sequence[FrameTrace]) -> bool:
        """Post the traces of some frames; False: the receiver did not take them."""
        spans = [span for frame in frames for span in self._spans(frame)]
        is_down = self._exporter.export(spans) is not self._success
        if is_down and not self._is_down:
            _log.warning("otel.endpoint takes no traces; frames are recorded all the same")
        self._is_down = is_down
        return not is_down

    def _spans(self, frame: FrameTrace) -> "list[ReadableSpan]":
        """Return a span for the frame and, below it, one for each stage and the wait for Redis."""
        from opentelemetry.trace import set_span_in_context

        end_ns = frame.captured_ns + int(frame.latency_seconds * 1e9)
        root = self._tracer.start_span(
            "frame",
            start_time=frame.captured_ns,
            attributes={
                "mien.camera": frame.camera,
                "mien.run": frame.run,
                "mien.sequence": frame.sequence,
                "mien.faces": frame.faces,
            },
        )
        spans = [root]
        below, began_ns = set_span_in_context(root), frame.captured_ns
        ends = [frame.captured_ns + int(seconds * 1e9) for seconds in accumulate(frame.stages.values())]
        for name, ended_ns in [*zip(frame.stages, ends, strict=True), ("redis", end_ns)]:
            span = self._tracer.start_span(name, below, start_time=began_ns)
            began_ns = max(began_ns, ended_ns)  # clocks of two hosts may differ by less than they can tell
            span.end(began_ns)
            spans.append(span)
        root.end(max(end_ns, began_ns))
        return cast("list[ReadableSpan]", spans)  # a recorded span of the SDK is one
