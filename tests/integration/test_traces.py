"""Traces of recorded frames, as a real OTLP/HTTP receiver on loopback gets them."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from services.recorder.observer import Observer
from services.recorder.traces import QUEUE_LENGTH, Tracer
from shared import metrics
from shared.config import OtelSettings
from shared.records import Advance, Applied, Facts, Recorded
from tests.otlp import Receiver, start_receiver
from tests.waiting import wait_for

CAPTURED_NS = 1_764_000_000_000_000_000
STAGES = {"capture": 0.004, "frames_queue": 0.01, "detect": 0.03, "record": 0.006}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with start_receiver() as receiver:
        yield receiver


class Frames:
    """An observer of frames that were confirmed so long after their capture."""

    def __init__(self, receiver: Receiver, every: int) -> None:
        self._age_ns = 0
        settings = OtelSettings(endpoint=receiver.url, every=every)
        tracer = Tracer(settings, "recorder-7", objective_seconds=0.25)
        self._observer = Observer(lambda: None, lambda: CAPTURED_NS + self._age_ns, tracer)
        self._before = {outcome: self._total(outcome) for outcome in ("sent", "failed", "dropped")}

    def confirm(self, sequence: int, seconds: float = 0.06, recorded: bool = True) -> None:
        self._age_ns = int(seconds * 1e9)
        facts = Facts(captured_ns=CAPTURED_NS, emotions={"happy": 2, "uncertain": 1}, stages=STAGES)
        result = Recorded(
            sequence=sequence, json=b"{}", minute=1, counts={}, hour_counts={}, facts=facts,
            results_seconds=1, minutes_seconds=1, tracks=3,
        )  # fmt: skip
        entry = Advance(camera="door", run=9, live=True, result=result)
        self._observer.observe(entry, Applied(counted={}, recorded=recorded))

    def count(self, outcome: str) -> int:
        return int(self._total(outcome) - self._before[outcome])

    @staticmethod
    def _total(outcome: str) -> float:
        return metrics.REGISTRY.get_sample_value("mien_traces_total", {"outcome": outcome}) or 0.0


def attributes(span: Span) -> dict[str, object]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_trace_has_the_frame_s_stages_and_the_wait_for_redis(receiver: Receiver) -> None:
    frames = Frames(receiver, every=1)
    frames.confirm(42)
    wait_for(lambda: frames.count("sent") == 1, "the trace")
    root, *stages = receiver.spans
    assert attributes(root) == {"mien.camera": "door", "mien.run": 9, "mien.sequence": 42, "mien.faces": 3}
    assert (root.name, root.start_time_unix_nano) == ("frame", CAPTURED_NS)
    assert root.end_time_unix_nano - root.start_time_unix_nano == 60_000_000
    assert [span.name for span in stages] == [*STAGES, "redis"]
    assert {span.parent_span_id for span in stages} == {root.span_id}
    assert {span.trace_id for span in stages} == {root.trace_id}
    borders = [(s.start_time_unix_nano - CAPTURED_NS, s.end_time_unix_nano - CAPTURED_NS) for s in stages]
    assert [round(end / 1e6) for _, end in borders] == [4, 14, 44, 50, 60]
    assert [start for start, _ in borders[1:]] == [end for _, end in borders[:-1]]
    assert receiver.paths == {"/v1/traces"}
    assert receiver.resources == {"mien/recorder-7"}


def test_each_nth_frame_and_all_over_the_objective_are_traced(receiver: Receiver) -> None:
    frames = Frames(receiver, every=10)
    for sequence in range(1, 31):
        frames.confirm(sequence, seconds=0.3 if sequence in (7, 13) else 0.1)
    frames.confirm(40, recorded=False)  # a repeat: counted and traced the first time
    wait_for(lambda: frames.count("sent") == 5, "the traces")
    assert [attributes(root)["mien.sequence"] for root in receiver.roots()] == [7, 10, 13, 20, 30]
    assert len({root.trace_id for root in receiver.roots()}) == 5


def test_a_receiver_that_hangs_holds_nothing_up(receiver: Receiver) -> None:
    frames = Frames(receiver, every=1)
    receiver.open.clear()
    offered = QUEUE_LENGTH + 200
    for sequence in range(1, offered + 1):  # returns, though nobody reads
        frames.confirm(sequence)
    assert frames.count("dropped") > 0
    receiver.open.set()
    wait_for(
        lambda: sum(map(frames.count, ("sent", "failed", "dropped"))) == offered, "all accounted for", 30.0
    )
    wait_for(lambda: len(receiver.roots()) == frames.count("sent"), "what was sent has arrived")


def test_a_refusal_is_said_once_and_counted(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    frames = Frames(receiver, every=1)
    receiver.status = 400
    for number in (1, 2):
        frames.confirm(number)
        wait_for(lambda number=number: frames.count("failed") == number, "the refusal")
    assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == [
        "otel.endpoint takes no traces; frames are recorded all the same"
    ]
    receiver.status = 200
    frames.confirm(3)
    wait_for(lambda: frames.count("sent") == 1, "the receiver's return")


def test_without_an_endpoint_no_sdk_is_loaded() -> None:
    code = "import services.recorder.observer, sys; print([m for m in sys.modules if 'opentelemetry' in m])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
