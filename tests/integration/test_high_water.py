"""The bus at its fullest: all that windows allow fits into it, and a full client outlives its broker."""

import subprocess
import sys
import threading
import time
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


def result(sequence: int) -> Result:
    return Result(
        camera="door", run=RUN, sequence=sequence, live=True, captured_ns=1, width=640, height=480, ages={},
        detector="d" * 64, labels=tuple("label" for _ in range(8)),
    )  # fmt: skip


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
    context = zmq.Context()
    broker = context.socket(zmq.ROUTER)
    broker.set(zmq.SNDHWM, topology.RECORDER_JOBS)
    broker.set(zmq.LINGER, 1000)
    broker.bind(settings.work)
    command = [sys.executable, "-c", IDLE_CLIENT, settings.work]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        peer = broker.recv_multipart()[0]
        broker.send_multipart([peer, *encode(Welcome(broker_run=1))])
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        for sequence in range(1, topology.RECORDER_JOBS + 1):
            broker.send_multipart([peer, *encode(result(sequence))], zmq.NOBLOCK)
        broker.close()
        context.term()
        errors = client.communicate(timeout=20)[1]
        assert (client.returncode, errors) == (0, "")
    finally:
        client.kill()
        client.wait()
        context.destroy(linger=0)
