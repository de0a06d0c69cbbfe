"""The broker's real process and sockets: handshake, relay, hostile messages, restart."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from shared.bus import Client
from shared.codec import decode, encode
from shared.config import BusSettings, Settings, load_settings
from shared.messages import (
    SCHEMA,
    Ack,
    Encoding,
    Frame,
    Hello,
    Job,
    Message,
    Output,
    Refused,
    Result,
    Taken,
)
from tests.waiting import wait_for

RUN = 1_700_000_000_000


def start_broker(settings: Settings) -> "subprocess.Popen[bytes]":
    environment = {"MIEN_RUN_DIR": str(settings.run_dir), "MIEN_METRICS__PORT": "0", "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        [sys.executable, "-m", "services.broker", "--instance", "broker-1"], env=environment
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(run_dir=tmp_path)


@pytest.fixture
def broker(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    process = start_broker(settings)
    yield process
    process.terminate()
    assert process.wait(5) == 0


def hello(service: str, instance: str, **more: object) -> Hello:
    fields = {"schema": SCHEMA, "window": 8, "host": "h", "pid": 1} | more
    return Hello(service=service, instance=instance, **fields)


def connect(settings: BusSettings, introduction: Hello) -> Client:
    client = Client(settings, introduction)
    wait_for(lambda: client.receive(0.02) or client.ready, f"{introduction.instance} welcome")
    return client


def frame(sequence: int, payload: bytes, camera: str = "door") -> tuple[Frame, bytes]:
    header = Frame(
        camera=camera, run=RUN, sequence=sequence, live=True, captured_ns=1, width=640, height=480, ages={},
        encoding=Encoding.BGR, age_ns=0, previous=sequence - 1,
    )  # fmt: skip
    return header, payload


def test_a_raw_frame_arrives_whole_and_its_result_too(settings: Settings, broker: object) -> None:
    source = connect(settings.bus, hello("capture", "c", camera="door", run=RUN))
    detector = connect(settings.bus, hello("detector", "d"))
    recorder = connect(settings.bus, hello("recorder", "r"))
    picture = random.Random(1).randbytes(640 * 480 * 3)
    assert source.send(*frame(1, picture))
    job = wait_for(lambda: detector.receive(0.1), "the job")
    assert isinstance(job.header, Job)
    inner = decode(job.payload)
    assert bytes(inner.payload[0]) == picture
    assert isinstance(wait_for(lambda: source.receive(0.1), "the acknowledgement").header, Ack)
    result = Result(
        camera="door",
        run=RUN,
        sequence=1,
        live=True,
        captured_ns=1,
        width=640,
        height=480,
        ages={},
        detector="d",
    )
    assert detector.send(Output(job=job.header.job), *encode(result))
    stored = wait_for(lambda: recorder.receive(0.1), "the result")
    assert decode(stored.payload).header == result
    for client in (source, detector, recorder):
        client.close()


def test_refused_and_taken_reach_the_client(settings: Settings, broker: object) -> None:
    first = connect(settings.bus, hello("capture", "c1", camera="door", run=RUN))
    second = Client(settings.bus, hello("capture", "c2", camera="door", run=RUN))
    assert isinstance(wait_for(lambda: second.receive(0.1), "taken").header, Taken)
    old = Client(settings.bus, hello("detector", "d", schema="0123"))
    assert isinstance(wait_for(lambda: old.receive(0.1), "refused").header, Refused)
    for client in (first, second, old):
        client.close()


def test_clients_introduce_themselves_to_a_new_broker(settings: Settings) -> None:
    process = start_broker(settings)
    detector = connect(settings.bus, hello("detector", "d"))
    run = detector.broker_run
    process.kill()
    process.wait()
    wait_for(lambda: detector.receive(0.02) or not detector.ready, "noticing the death")
    process = start_broker(settings)
    wait_for(lambda: detector.receive(0.02) or detector.ready, "a second welcome")
    assert detector.broker_run != run
    detector.close()
    process.terminate()
    process.wait(5)


def test_a_second_broker_says_that_the_address_is_taken(settings: Settings, broker: object) -> None:
    connect(settings.bus, hello("detector", "d")).close()
    environment = {
        "MIEN_RUN_DIR": str(settings.run_dir),
        "MIEN_METRICS__PORT": "0",
        "MIEN_BUS__PLAINTEXT": "false",
        "MIEN_BUS__WORK": "tcp://0.0.0.0:0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.broker"], env=environment, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 2
    assert "refusing to bind tcp://0.0.0.0:0 without keys" in ended.stderr
    assert "Traceback" not in ended.stderr


def mutate(rng: random.Random, parts: list[bytes]) -> list[bytes]:
    """Return a damaged copy of a message: flipped, cut, doubled, swapped or replaced bytes and parts."""
    parts = [bytearray(part) for part in parts]
    for _ in range(rng.randint(1, 4)):
        part = rng.choice(parts)
        choice = rng.randrange(5)
        if choice == 0 and part:
            part[rng.randrange(len(part))] = rng.randrange(256)
        elif choice == 1:
            del part[rng.randrange(len(part) + 1) :]
        elif choice == 2:
            part += rng.randbytes(rng.randrange(30))
        elif choice == 3 and len(parts) > 1:
            parts.pop(rng.randrange(len(parts)))
        else:
            parts.insert(rng.randrange(len(parts) + 1), bytearray(rng.randbytes(rng.randrange(40))))
    return [bytes(part) for part in parts]


def test_a_hundred_thousand_hostile_messages_do_no_harm(
    settings: Settings, broker: "subprocess.Popen[bytes]"
) -> None:
    rng = random.Random(20)
    recorder = connect(settings.bus, hello("recorder", "r"))
    source = connect(settings.bus, hello("capture", "c", camera="door", run=RUN))
    context = zmq.Context.instance()
    hostile = context.socket(zmq.DEALER)
    hostile.linger = 0
    hostile.connect(settings.bus.work)
    seeds = [
        encode(frame(5, b"")[0], b"x" * 10),
        encode(hello("classifier", "evil")),
        encode(hello("capture", "evil", camera="other", run=RUN)),
        encode(Result(**_common(), detector="d")),
        encode(Ack(run=RUN, sequences=(1,))),
    ]
    for number in range(100_000):
        parts = (
            mutate(rng, rng.choice(seeds))
            if number % 4
            else [rng.randbytes(rng.randrange(60)) for _ in range(3)]
        )
        hostile.send_multipart(parts or [b""])
        if number % 64 == 0:
            _drain(hostile)
            _stay(recorder, source)
    detector = connect(settings.bus, hello("detector", "d"))

    def relay() -> Message | None:
        """Send a frame, again if the broker had forgotten the silent source meanwhile."""
        source.receive(0.05)
        source.send(*frame(1, bytes(640 * 480 * 3)))
        return detector.receive(0.2)

    job = wait_for(relay, "a frame's relay after all that")
    assert (job.header.camera, job.header.sequence) == ("door", 1)
    assert broker.poll() is None
    forged = [decode(m.payload).header for m in iter(lambda: recorder.receive(0.05), None) if m.payload]
    assert {getattr(h, "camera", "door") for h in forged} <= {"door", "other"}
    for client in (recorder, source, detector):
        client.close()
    hostile.close(linger=0)


def _common() -> dict[str, object]:
    return {
        "camera": "forged", "run": RUN, "sequence": 1, "live": True, "captured_ns": 1,
        "width": 4, "height": 4, "ages": {},
    }  # fmt: skip


def _drain(socket: "zmq.Socket[bytes]") -> None:
    while socket.poll(0):
        socket.recv_multipart()


def _stay(*clients: Client) -> None:
    """Answer WHO if the broker has meanwhile forgotten a silent client."""
    for client in clients:
        client.receive(0)
        if not client.ready:
            client.say_hello()
