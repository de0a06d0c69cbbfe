"""Real broker and recorders under kill -9, SIGSTOP and a stopped Redis; a scripted detector feeds them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from shared.bus import Client
from shared.codec import decode, encode
from shared.config import Settings, load_settings
from shared.messages import (
    SCHEMA,
    Ack,
    Beat,
    Drained,
    Encoding,
    End,
    Frame,
    Hello,
    Job,
    Message,
    Output,
    Result,
)
from shared.store import Store
from tests.otlp import start_receiver
from tests.valkey import start_valkey
from tests.waiting import wait_for

RUN = 1_700_000_000_000
FPS = 40


@contextmanager
def process(
    service: str, run_dir: Path, instance: str, **settings: str
) -> "Iterator[subprocess.Popen[bytes]]":
    environment = {
        "PATH": os.environ["PATH"], "MIEN_RUN_DIR": str(run_dir), "MIEN_METRICS__PORT": "0", **settings
    }  # fmt: skip
    command = [sys.executable, "-m", f"services.{service}", "--instance", instance]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


class Feeder(threading.Thread):
    """A recorded camera and its detector in one thread: every frame becomes a result without faces."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self.settings = settings
        self.sequence = 0
        self.acknowledged = 0
        self.ending = threading.Event()
        self.stopped = threading.Event()

    def run(self) -> None:
        source = self.connect("capture", camera="door", run=RUN, live=False)
        detector = self.connect("detector")
        beat_at = 0.0
        has_ended = False
        while not has_ended and not self.stopped.is_set():
            if time.monotonic() > beat_at:
                beat_at = time.monotonic() + 1.0
                for client in (source, detector):
                    hello = client.hello
                    client.send(Beat(service=hello.service, instance=hello.instance, sent_ns=1))
            if not self.ending.is_set() and self.sequence - self.acknowledged < 8:
                self.sequence += source.send(self.frame(self.sequence + 1), b"\0" * 12)
            self.hear(source)
            self.detect(detector)
            if self.ending.is_set() and self.acknowledged == self.sequence:
                end = End(camera="door", run=RUN, captured=self.sequence, sent=self.sequence, live=False)
                has_ended = source.send(end)
        if has_ended:
            wait_for(lambda: is_drained(source.receive(0.05)), "END to be answered")
        source.close()
        detector.close()

    def stop(self) -> None:
        """End without a word, where the test has not ended the run."""
        self.stopped.set()
        if self.is_alive():
            self.join(10)

    def connect(self, service: str, **more: object) -> Client:
        hello = Hello(service=service, instance=service, schema=SCHEMA, window=8, host="h", pid=1, **more)  # type: ignore[arg-type]
        client = Client(self.settings.bus, hello)
        wait_for(lambda: client.receive(0.02) or client.ready, f"welcome of {service}", 20)
        return client

    def frame(self, sequence: int) -> Frame:
        return Frame(
            camera="door", run=RUN, sequence=sequence, live=False, captured_ns=time.time_ns(),
            width=2, height=2, ages={}, encoding=Encoding.BGR, age_ns=0, previous=sequence - 1,
        )  # fmt: skip

    def hear(self, source: Client) -> None:
        message = source.receive(1 / FPS)
        if message and isinstance(message.header, Ack):
            self.acknowledged += len(message.header.sequences)

    def detect(self, detector: Client) -> None:
        while message := detector.receive(0.0):
            if isinstance(message.header, Job):
                frame = decode(message.payload).header
                assert isinstance(frame, Frame)
                result = Result(
                    camera=frame.camera, run=frame.run, sequence=frame.sequence, live=False, width=2,
                    height=2, captured_ns=frame.captured_ns, ages=frame.ages, detector="scripted",
                )  # fmt: skip
                detector.send(Output(job=message.header.job), *encode(result))


def is_drained(message: Message | None) -> bool:
    return message is not None and isinstance(message.header, Drained)


@pytest.fixture
def world(tmp_path: Path) -> "Iterator[tuple[Store, Feeder, ExitStack]]":
    """A Redis, a broker and a feeder; what the test starts goes into the stack."""
    settings = load_settings(run_dir=tmp_path)
    with ExitStack() as running, closing(Store(settings.redis, tmp_path)) as store:
        running.enter_context(start_valkey(tmp_path, "--save", "", "--appendonly", "yes"))
        running.enter_context(process("broker", tmp_path, "broker"))
        feeder = Feeder(settings)
        yield store, feeder, running
        feeder.stop()


def recorder(
    running: ExitStack, store: Store, run_dir: Path, instance: str, **settings: str
) -> "subprocess.Popen[bytes]":
    started = running.enter_context(process("recorder", run_dir, instance, **settings))
    wait_for(lambda: started.pid in {health.pid for health in store.health()}, f"{instance} to be ready", 20)
    return started


def recorded(store: Store) -> int:
    return store.ledger("door").get("recorded", 0)


def finish(store: Store, feeder: Feeder) -> None:
    """End the run and check that every frame was recorded once, in order."""
    feeder.ending.set()
    wait_for(lambda: store.cursor("door").ended, "the run's end", 30)
    feeder.join(5)
    total = feeder.sequence
    assert store.ledger("door") == {"captured": total, "in_flight": 0, "recorded": total}
    assert [result["sequence"] for result in store.results("door")] == list(range(1, total + 1))


def test_a_killed_recorder_s_frames_go_to_the_other_one(
    world: "tuple[Store, Feeder, ExitStack]", tmp_path: Path
) -> None:
    store, feeder, running = world
    pair = [recorder(running, store, tmp_path, f"recorder-{number}") for number in (1, 2)]
    feeder.start()
    for victim in pair:
        before = recorded(store)
        wait_for(lambda before=before: recorded(store) > before + 30, "results", 20)
        victim.kill()
        if victim is pair[0]:
            continue
        recorder(running, store, tmp_path, "recorder-3")
    before = recorded(store)
    wait_for(lambda: recorded(store) > before + 30, "results after the kills", 10)
    finish(store, feeder)


def test_a_frozen_recorder_wakes_after_the_hand_over_and_writes_nothing_twice(
    world: "tuple[Store, Feeder, ExitStack]", tmp_path: Path
) -> None:
    store, feeder, running = world
    pair = [recorder(running, store, tmp_path, f"recorder-{number}") for number in (1, 2)]
    feeder.start()
    for frozen in pair:
        before = recorded(store)
        wait_for(lambda before=before: recorded(store) > before + 20, "results", 20)
        frozen.send_signal(signal.SIGSTOP)
        before = recorded(store)
        wait_for(lambda before=before: recorded(store) > before + 20, "results of the other recorder", 20)
        frozen.send_signal(signal.SIGCONT)
    finish(store, feeder)


def test_results_wait_for_redis_and_none_is_lost(
    world: "tuple[Store, Feeder, ExitStack]", tmp_path: Path
) -> None:
    store, feeder, running = world
    recorder(running, store, tmp_path, "recorder-1")
    feeder.start()
    wait_for(lambda: recorded(store) > 20, "results", 20)
    redis_pid = store._client.info("server")["process_id"]
    before = recorded(store)
    os.kill(redis_pid, signal.SIGSTOP)
    wait_for(lambda: feeder.sequence - feeder.acknowledged >= 8, "the source to be held back", 20)
    os.kill(redis_pid, signal.SIGCONT)
    wait_for(lambda: recorded(store) > before + 30, "results after Redis is back", 15)
    finish(store, feeder)


def test_a_recorder_drains_and_ends_well(world: "tuple[Store, Feeder, ExitStack]", tmp_path: Path) -> None:
    store, feeder, running = world
    first = recorder(running, store, tmp_path, "recorder-1")
    feeder.start()
    wait_for(lambda: recorded(store) > 20, "results", 20)
    recorder(running, store, tmp_path, "recorder-2")
    first.terminate()
    assert first.wait(6) == 0
    before = recorded(store)
    wait_for(lambda: recorded(store) > before + 20, "results of the other recorder", 10)
    finish(store, feeder)


def test_a_recorder_with_an_endpoint_sends_a_trace_of_each_nth_frame(
    world: "tuple[Store, Feeder, ExitStack]", tmp_path: Path
) -> None:
    store, feeder, running = world
    receiver = running.enter_context(start_receiver())
    sampled = {"MIEN_OTEL__ENDPOINT": receiver.url, "MIEN_OTEL__EVERY": "10", "MIEN_METRICS__OBJECTIVE": "1h"}
    recorder(running, store, tmp_path, "recorder-1", **sampled)
    feeder.start()
    wait_for(lambda: recorded(store) >= 25, "results", 30)
    finish(store, feeder)
    expected = list(range(10, feeder.sequence + 1, 10))
    wait_for(lambda: len(receiver.roots()) == len(expected), "the traces", 10)
    found = [{each.key: each.value.int_value for each in root.attributes} for root in receiver.roots()]
    assert sorted(attributes["mien.sequence"] for attributes in found) == expected
    assert receiver.resources == {"mien/recorder-1"}
