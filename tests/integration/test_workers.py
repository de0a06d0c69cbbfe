"""A frame's road through the real detector and classifier: picture in, emotion out, previews on the feed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager

import cv2
import pytest

from shared.bus import Client, FeedReader
from shared.codec import decode
from shared.config import load_settings
from shared.messages import SCHEMA, Beat, Done, Encoding, Frame, Hello, Job, Result
from shared.store import Store
from tests.artefacts import LABELS, make_artefact
from tests.media import astronaut
from tests.waiting import wait_for

RUN = 1_700_000_000_000


@contextmanager
def worker(service, environment, number=1):
    """Run a service's process; it must end well when asked."""
    command = [sys.executable, "-m", f"services.{service}", "--instance", f"{service}-{number}"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def stack(tmp_path, valkey_url):
    """Run broker, detector and classifier on a small model; give their settings."""
    model = make_artefact(tmp_path / "model").path
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MIEN_RUN_DIR": str(tmp_path),
        "MIEN_METRICS__PORT": "0",
        "MIEN_REDIS__URL": valkey_url,
        "MIEN_CLASSIFIER__MODEL": str(model),
    }
    settings = load_settings(run_dir=tmp_path, redis={"url": valkey_url})
    services = ("broker", "detector", "classifier")
    with ExitStack() as running, closing(Store(settings.redis, settings.run_dir)) as store:
        pids = {running.enter_context(worker(service, environment)).pid for service in services}

        def working():
            return pids <= {health.pid for health in store.health() if health.state == "working"}

        wait_for(working, "broker and workers at work", 30)
        yield settings


def connect(settings, service, **more):
    hello = Hello(service=service, instance=service[:1], schema=SCHEMA, window=8, host="h", pid=1, **more)
    client = Client(settings.bus, hello)
    wait_for(lambda: client.receive(0.02) or client.ready, f"welcome of {service}", 20)
    return client


def frame(sequence, picture):
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    header = Frame(
        camera="door", run=RUN, sequence=sequence, live=True, captured_ns=1, width=picture.shape[1],
        height=picture.shape[0], ages={}, encoding=Encoding.JPEG, age_ns=0, previous=sequence - 1,
    )  # fmt: skip
    return header, jpeg


class Road:
    """Sends pictures as a camera and takes results as the recorder."""

    def __init__(self, settings):
        self.source = connect(settings, "capture", camera="door", run=RUN)
        self.recorder = connect(settings, "recorder")
        self.sequence = 0

    def send(self, picture=None):
        """Send a picture as the next frame; without one, bytes that are none."""
        self.sequence += 1
        header, jpeg = frame(self.sequence, astronaut() if picture is None else picture)
        payload = b"no jpeg" if picture is None else jpeg

        def sent():
            self.source.receive(0)
            return self.source.send(header, payload)

        wait_for(sent, "sending")

    def result(self):
        """Return the next result, closing every job on the way."""
        return wait_for(self._take, "a result", 30)

    def _take(self):
        for client in (self.source, self.recorder):
            client.send(Beat(service=client.hello.service, instance=client.hello.instance, sent_ns=1))
        self.source.receive(0)
        message = self.recorder.receive(0.05)
        if message is None or not isinstance(message.header, Job):
            return None
        self.recorder.send(Done(jobs=(message.header.job,)))
        inner = decode(message.payload).header
        return inner if isinstance(inner, Result) else None

    def close(self):
        self.source.close()
        self.recorder.close()


def test_a_face_is_read_and_a_model_replaced_under_way(stack, tmp_path):
    road = Road(stack)
    road.send(astronaut())
    result = road.result()
    assert (result.camera, result.sequence, result.detector) == ("door", 1, "yunet-yuface-320")
    assert result.labels == LABELS
    assert result.backend == "litert model_int8.tflite"
    (face,) = result.faces
    assert face.emotion == "bright"
    assert abs(sum(face.probabilities) - 1) < 1e-4
    assert {"detect", "classify"} <= set(result.ages)

    other = make_artefact(tmp_path / "other", {"model_fp32.tflite": tmp_path / "model/model_int8.tflite"})
    better = make_artefact(tmp_path / "better", labels=("good", "bad", "so-so"))
    with_store = Store(stack.redis, stack.run_dir)
    with_store.set_wanted(model=str(other.path))  # has not the file that is served: the old model stays
    road.send(astronaut())
    assert road.result().labels == LABELS
    with_store.set_wanted(model=str(better.path))

    def labels():
        road.send(astronaut())
        return road.result().labels == ("good", "bad", "so-so")

    wait_for(labels, "the new model")
    with_store.set_wanted(model=None)
    with_store.close()
    road.close()


def test_a_picture_without_faces_takes_the_short_way_and_a_bad_one_is_dropped(stack):
    road = Road(stack)
    road.send(astronaut()[300:])
    result = road.result()
    assert (result.sequence, result.faces, result.model) == (1, (), "")
    road.send()
    road.send(astronaut()[300:])
    assert road.result().sequence == 3
    road.close()


def test_previews_come_only_to_those_who_watch_and_blurred(stack):
    road = Road(stack)

    async def watch():
        reader = FeedReader(stack.bus)
        reader.subscribe("preview/blurred/door")
        try:
            while True:
                road.send(astronaut())
                road.result()
                try:
                    return await asyncio.wait_for(reader.receive(), 0.3)
                except TimeoutError:
                    continue
        finally:
            reader.close()

    topic, payload = asyncio.run(asyncio.wait_for(watch(), 30))
    assert topic == "preview/blurred/door"
    length = int.from_bytes(payload[:4], "big")
    assert json.loads(payload[4 : 4 + length])["camera"] == "door"
    assert payload[4 + length :][:2] == b"\xff\xd8"
    road.close()


@pytest.mark.parametrize(
    ("service", "changes", "message"),
    [
        ("classifier", {"MIEN_CLASSIFIER__MODEL": "/nowhere"}, "/nowhere is no model folder"),
        ("classifier", {"MIEN_CLASSIFIER__FILE": "absent.tflite"}, "has no absent.tflite"),
        ("detector", {"MIEN_DETECTOR__WEIGHTS": "/nowhere/y.onnx"}, "no file /nowhere/y.onnx"),
    ],
)
def test_bad_setting_ends_the_worker_with_one_line(tmp_path, valkey_url, service, changes, message):
    environment = {
        "PATH": os.environ["PATH"],
        "MIEN_RUN_DIR": str(tmp_path),
        "MIEN_REDIS__URL": valkey_url,
        "MIEN_METRICS__PORT": "0",
        "MIEN_CLASSIFIER__MODEL": str(make_artefact(tmp_path / "model").path),
        **changes,
    }
    command = [sys.executable, "-m", f"services.{service}", "--instance", "w"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
