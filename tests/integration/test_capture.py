"""Capture's processes with real cameras and a real broker: RTSP, HTTP, files; lost, blocked, frozen."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from shared.bus import Client
from shared.codec import decode, encode
from shared.config import CameraSettings, load_settings
from shared.messages import SCHEMA, Beat, Done, End, Frame, Hello, Job, Output, Result
from shared.records import Advance
from tests.integration.streams import free_port, jpeg_server, mute_server, rtsp_server
from tests.media import carphone
from tests.videos import make_video
from tests.waiting import wait_for

QUICK = {
    "MIEN_CAPTURE__CONNECT_TIMEOUT": "5",
    "MIEN_CAPTURE__READ_TIMEOUT": "1.5",
    "MIEN_CAPTURE__FROZEN_AFTER": "2",
    "MIEN_CAPTURE__RETRY_FIRST": "0.3",
    "MIEN_CAPTURE__RETRY_MOST": "0.5",
}


class Rig:
    """A broker and capture parents in a run directory of their own, with a store to look at."""

    def __init__(self, folder, store):
        self.folder, self.store = folder, store
        self.settings = load_settings(run_dir=folder)
        self.log = folder / "log"
        self._running = []

    def start(self, service, number=1, **more):
        environment = {
            "PATH": os.environ["PATH"],
            "MIEN_RUN_DIR": str(self.folder),
            "MIEN_METRICS__PORT": "0",
            "MIEN_REDIS__URL": self.store.url,
            **QUICK,
            **more,
        }
        command = [sys.executable, "-m", f"services.{service}", "--instance", f"{service}-{number}"]
        with self.log.open("a") as log:
            process = subprocess.Popen(command, env=environment, stderr=log)
        self._running.append(process)
        return process

    def add(self, name, source, **more):
        self.store.put_camera(name, CameraSettings(source=str(source), **more))

    def state(self, name="door"):
        return self.store.camera_states().get(name)

    def until(self, state, name="door", seconds=30.0):
        def reached():
            found = self.state(name)
            return found if found is not None and found.state == state else None

        try:
            return wait_for(reached, f"{name} is {state}", seconds)
        except AssertionError as error:
            raise AssertionError(
                f"{error}; now {self.state(name)}; log: {self.log.read_text()[-2000:]}"
            ) from None

    def because(self, reason, name="door", seconds=30.0):
        """Wait for a reason to be told; it outlives the short state `lost`."""

        def told():
            found = self.state(name)
            return found is not None and reason in found.detail

        wait_for(told, f"{name}: {reason!r}", seconds)

    def child(self, name="door"):
        """The pid of a camera's process."""
        pids = [health.pid for health in self.store.health() if health.facts.get("camera") == name]
        return pids[0] if pids else None

    def close(self):
        for process in self._running:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.fixture
def rig(tmp_path, store):
    rig = Rig(tmp_path, store)
    yield rig
    rig.close()


@pytest.fixture
def capture(rig):
    rig.start("broker")
    return rig.start("capture")


@contextmanager
def client(rig, service):
    hello = Hello(service=service, instance=f"{service}-t", schema=SCHEMA, window=32, host="h", pid=1)
    made = Client(rig.settings.bus, hello)
    wait_for(lambda: made.receive(0.02) or made.ready, f"welcome of {service}")
    try:
        yield made
    finally:
        made.close()


def test_rtsp_streams_come_live_over_tcp_and_udp_with_and_without_a_password(rig, capture):
    port = free_port()
    with rtsp_server(port):
        rig.add("h264", f"rtsp://127.0.0.1:{port}/h264")
        rig.add("jpeg", f"rtsp://127.0.0.1:{port}/jpeg", transport="udp", width=160)
        rig.add("locked", f"rtsp://user:secret@127.0.0.1:{port}/locked")
        rig.add("wrong", f"rtsp://user:mistake@127.0.0.1:{port}/locked")
        rig.add("absent", f"rtsp://user:mistake@127.0.0.1:{port}/nothing")
        states = {name: rig.until("live", name) for name in ("h264", "jpeg", "locked")}
        assert [(states[name].width, states[name].height) for name in states] == [
            (320, 240),
            (160, 120),
            (320, 240),
        ]
        wait_for(lambda: 13 < rig.state("h264").fps < 17, "15 frames a second")
        rig.because("refuses user and password", "wrong")
        rig.because("no such stream", "absent")
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    for secret in ("secret", "mistake"):
        assert secret not in rig.log.read_text()
        assert secret not in str(rig.store.camera_states())
        assert not any(f"{secret}@127" in command for command in commands)


def test_an_rtsp_camera_that_goes_and_comes_back_is_live_again(rig, capture):
    port = free_port()
    rig.add("door", f"rtsp://127.0.0.1:{port}/jpeg")
    rig.because("can't reach 127.0.0.1")
    with rtsp_server(port):
        before = rig.until("live")
    wait_for(lambda: rig.state().state in ("lost", "connecting"), "the camera is gone")
    with rtsp_server(port):
        after = rig.until("live")
    assert after.reconnects > before.reconnects
    assert after.run > before.run


def test_a_stream_may_change_its_size(rig, capture):
    with jpeg_server() as camera:
        rig.add("door", camera.url)
        assert rig.until("live").width == 320
        camera.size = (640, 480)
        wait_for(lambda: rig.state().width == 640, "the larger size")
        camera.size = (160, 120)
        wait_for(lambda: rig.state().width == 160, "the smaller size")
        assert (rig.state().state, rig.state().reconnects) == ("live", 0)


def test_a_blocked_read_is_killed_and_started_again_and_no_other_camera_notices(rig, capture):
    port = free_port()
    with rtsp_server(port) as camera, jpeg_server() as other:
        rig.add("door", f"rtsp://127.0.0.1:{port}/jpeg")
        rig.add("yard", other.url)
        for name in ("door", "yard"):
            rig.until("live", name)
        child = wait_for(rig.child, "the child's health")
        other_child = wait_for(lambda: rig.child("yard"), "the other child's health")
        began, captured = time.monotonic(), rig.state("yard").captured
        camera.send_signal(signal.SIGSTOP)
        rig.because("reading was blocked")
        assert not psutil.pid_exists(child)
        camera.send_signal(signal.SIGCONT)
        rig.until("live")
        frames, seconds = rig.state("yard").captured - captured, time.monotonic() - began
        assert frames / seconds == pytest.approx(15, rel=0.2)
        assert (rig.child("yard"), rig.state("yard").reconnects) == (other_child, 0)
        assert rig.state().reconnects >= 1


def test_an_http_camera_that_stalls_ends_its_run_and_is_opened_again(rig, capture):
    with jpeg_server() as camera:
        rig.add("door", camera.url)
        rig.until("live")
        camera.hangs.set()
        rig.because("no frame in time")
        camera.hangs.clear()
        rig.until("live")


def test_a_server_that_accepts_and_says_nothing_is_given_up(rig):
    rig.start("broker")
    rig.start("capture", MIEN_CAPTURE__CONNECT_TIMEOUT="1")
    with mute_server() as port:
        rig.add("rtsp", f"rtsp://127.0.0.1:{port}/1")
        rig.add("http", f"http://127.0.0.1:{port}/1")
        rig.because("no frame for 1 s", "rtsp")
        rig.because("timed out", "http")


def test_a_frozen_stream_is_opened_again(rig, capture):
    with jpeg_server() as camera:
        camera.repeats = True
        rig.add("door", camera.url)
        rig.because("frozen")
        camera.repeats = False
        rig.until("live")
        assert camera.connections >= 2


def test_cameras_come_change_pause_and_go_while_capture_runs(rig, capture, tmp_path):
    film = make_video(tmp_path / "film.mp4")
    rig.add("door", film, loop=True)
    assert rig.until("live").width == 96
    rig.add("door", film, loop=True, width=48)
    wait_for(lambda: rig.state().width == 48, "the new width")
    rig.add("door", film, loop=True, paused=True)
    rig.until("paused")
    wait_for(lambda: not psutil.Process(capture.pid).children(), "its process ends")
    rig.add("door", film, loop=True)
    rig.until("live")
    rig.store.remove_camera("door")
    wait_for(lambda: not psutil.Process(capture.pid).children(), "its process ends")
    wait_for(lambda: rig.state() is None, "its state goes")


def serve_one(workers, seen):
    """Work like a detector that finds nobody and a recorder that stores at once; note the frames."""
    detector, recorder = workers
    for worker in workers:
        message = worker.receive(0.02)
        if message is None or not isinstance(message.header, Job):
            continue
        header = decode(message.payload).header
        if worker is detector:
            assert isinstance(header, Frame)
            fields = (
                "camera",
                "run",
                "sequence",
                "live",
                "captured_ns",
                "width",
                "height",
                "ages",
                "media_seconds",
            )
            result = Result(detector="none", **{name: getattr(header, name) for name in fields})
            detector.send(Output(job=message.header.job), *encode(result))
        else:
            seen.append(header)
            recorder.send(Done(jobs=(message.header.job,)))
    for worker in workers:
        hello = worker.hello
        worker.send(Beat(service=hello.service, instance=hello.instance, sent_ns=time.time_ns()))


def test_a_recording_arrives_whole_although_the_broker_dies(rig):
    broker = rig.start("broker")
    rig.start("capture")
    seen = []
    with client(rig, "detector") as detector, client(rig, "recorder") as recorder:
        workers = (detector, recorder)
        rig.add("film", carphone(), fps=20)
        wait_for(lambda: serve_one(workers, seen) or len(seen) > 30, "some frames", 30)
        broker.kill()
        broker.wait()
        rig.start("broker")
        wait_for(lambda: serve_one(workers, seen) or any(isinstance(note, End) for note in seen), "END", 40)
        ended = rig.until("ended", "film")
    results = [note for note in seen if isinstance(note, Result)]
    end = next(note for note in seen if isinstance(note, End))
    assert {result.sequence for result in results} == set(range(1, end.captured + 1))
    assert end.captured == end.sent == ended.captured == pytest.approx(80, abs=1)
    assert len({result.run for result in results}) == 1
    assert results[-1].media_seconds == pytest.approx(3.97, abs=0.05)


def test_on_sigterm_capture_says_end_and_leaves_nothing(rig, capture, tmp_path):
    rig.add("door", make_video(tmp_path / "film.mp4"), loop=True)
    seen = []
    with client(rig, "detector") as detector, client(rig, "recorder") as recorder:
        workers = (detector, recorder)
        wait_for(lambda: serve_one(workers, seen) or len(seen) > 10, "some frames", 30)
        children = psutil.Process(capture.pid).children()
        assert len(children) == 1
        began = time.monotonic()
        capture.send_signal(signal.SIGTERM)
        wait_for(lambda: serve_one(workers, seen) or capture.poll() is not None, "the end")
        assert capture.returncode == 0
        assert time.monotonic() - began < 3
        wait_for(lambda: serve_one(workers, seen) or any(isinstance(note, End) for note in seen), "END")
    assert not children[0].is_running()


def test_a_run_is_later_than_the_recorded_one_whatever_the_clock_says(rig, capture, tmp_path):
    ahead = time.time_ns() // 1_000_000 + 7_200_000
    rig.store.apply([Advance(camera="door", run=ahead, live=True, captured=1)])
    rig.add("door", make_video(tmp_path / "film.mp4"), loop=True)
    assert rig.until("live").run == ahead + 1


def test_children_die_with_a_killed_parent_and_the_standby_takes_over(rig, capture, tmp_path):
    rig.add("door", make_video(tmp_path / "film.mp4"), loop=True)
    rig.until("live")
    child = psutil.Process(capture.pid).children()[0]
    standby = rig.start("capture", number=2)

    def standing_by():
        return any(h.instance == "capture-2" and h.state == "standing by" for h in rig.store.health())

    wait_for(standing_by, "the second stands by", 20)
    assert not psutil.Process(standby.pid).children()
    capture.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the orphan ends")
    wait_for(
        lambda: rig.state() and rig.state().instance == "capture-2" and rig.state().state == "live",
        "take-over",
        20,
    )


def test_cameras_go_on_while_redis_is_away(rig, tmp_path):
    rig.start("broker")
    capture = rig.start("capture")
    rig.add("door", make_video(tmp_path / "film.mp4"), loop=True)
    rig.until("live")
    child = psutil.Process(capture.pid).children()[0]
    with rig.store._calls():
        rig.store._client.execute_command("CLIENT", "PAUSE", "3000", "ALL")
    with client(rig, "detector") as detector:
        until, frames = time.monotonic() + 3, 0
        while time.monotonic() < until:
            message = detector.receive(0.1)
            if message is not None and isinstance(message.header, Job):
                frames += 1
                header = decode(message.payload).header
                fields = ("camera", "run", "sequence", "live", "captured_ns", "width", "height", "ages")
                result = Result(detector="none", **{name: getattr(header, name) for name in fields})
                detector.send(Output(job=message.header.job), *encode(result))
            detector.send(Beat(service="detector", instance="detector-t", sent_ns=time.time_ns()))
    assert frames > 20
    assert child.is_running()
    rig.until("live")
    assert psutil.Process(capture.pid).children() == [child]
