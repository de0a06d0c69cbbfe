"""The bus at its fullest: all that windows allow fits into it, and a full end outlives the other one."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from services.broker.service import Broker
from services.broker.tasks import Task
from shared import topology
from shared.broker_bus import BrokerSockets
from shared.bus import Client
from shared.codec import encode
from shared.config import BusSettings
from shared.messages import SCHEMA, Hello, Job, Result, Welcome
from tests.waiting import wait_for

RUN = 1_700_000_000_000
HELLO = Hello(
    service="recorder", instance="r", schema=SCHEMA, window=topology.RECORDER.window, host="h", pid=1
)
IDLE_CLIENT = """
import sys, zmq
from shared.bus import Client
from shared.config import BusSettings
from tests.integration.test_high_water import HELLO

client = Client(BusSettings(work=sys.argv[1], feed=sys.argv[1]), HELLO)
while not client.ready:
    client.receive(0.02)
print("ready", flush=True)
while client._monitor.recv_multipart()[0][:2] != zmq.EVENT_DISCONNECTED.to_bytes(2, sys.byteorder):
    pass
"""
BUSY_BROKER = """
import sys
from shared.broker_bus import BrokerSockets
from shared.config import BusSettings

sockets = BrokerSockets(BusSettings(work=sys.argv[1], feed=sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
print(sum(1 for _ in iter(sockets.receive, None)), flush=True)
"""
BEYOND_A_HEARTBEAT_SECONDS = 1.2
"""ZeroMQ's heartbeats came once a second, and it was one of them that ended the process."""


def result(sequence: int) -> Result:
    return Result(
        camera="door", run=RUN, sequence=sequence, live=True, captured_ns=1, width=640, height=480, ages={},
        detector="d" * 64, labels=tuple("label" for _ in range(8)),
    )  # fmt: skip


@contextmanager
def started(script: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    command, pipe = [sys.executable, "-c", script, *arguments], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def is_ready(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "ready\n"


def addresses(folder: Path) -> BusSettings:
    return BusSettings(work=f"ipc://{folder}/work", feed=f"ipc://{folder}/feed")


def test_a_recorder_that_comes_back_gets_all_that_its_windows_allow(tmp_path: Path) -> None:
    settings, window, cameras = addresses(tmp_path), topology.RECORDER.window, topology.MAX_CAMERAS
    policy, now = Policy(1, "host/boot", Limits()), time.monotonic()
    for sequence in range(1, window + 1):
        inner = encode(result(sequence))
        for camera in range(cameras):
            policy.desk.results.push(Task(f"camera{camera}", RUN, sequence, sequence, True, now, inner))
    broker = Broker(policy, BrokerSockets(settings))
    thread = threading.Thread(target=broker.run)
    thread.start()
    recorder = Client(settings, HELLO)
    try:
        wait_for(lambda: recorder.receive(0.02), "the first result")
        assert len(policy.desk.results) == 0
        for _ in range(cameras * window - 1):
            message = recorder.receive(5)
            assert message is not None
            assert isinstance(message.header, Job)
    finally:
        broker.stop()
        thread.join()
        recorder.close()


def test_a_client_full_of_unread_messages_outlives_its_broker(tmp_path: Path) -> None:
    settings = addresses(tmp_path)
    with zmq.Context() as context, started(IDLE_CLIENT, settings.work) as client:
        broker = context.socket(zmq.ROUTER)
        broker.set(zmq.SNDHWM, topology.RECORDER_JOBS)
        broker.set(zmq.LINGER, 1000)
        broker.bind(settings.work)
        peer = broker.recv_multipart()[0]
        broker.send_multipart([peer, *encode(Welcome(broker_run=1))])
        assert is_ready(client)
        for sequence in range(1, topology.RECORDER_JOBS + 1):
            broker.send_multipart([peer, *encode(result(sequence))], zmq.NOBLOCK)
        broker.close()
        errors = client.communicate(timeout=20)[1]
        assert (client.returncode, errors) == (0, "")


def test_a_busy_broker_outlives_a_peer_that_left_more_than_it_takes_unread(tmp_path: Path) -> None:
    settings = addresses(tmp_path)
    with started(BUSY_BROKER, settings.work, settings.feed) as broker:
        assert is_ready(broker)
        with zmq.Context() as context, context.socket(zmq.DEALER) as peer:
            peer.set(zmq.LINGER, 1000)
            peer.connect(settings.work)
            for sequence in range(1, 501):
                peer.send_multipart(encode(result(sequence)))
        time.sleep(BEYOND_A_HEARTBEAT_SECONDS)
        taken, errors = broker.communicate("\n", timeout=20)
        assert (broker.returncode, errors) == (0, "")
        assert int(taken) >= 32
