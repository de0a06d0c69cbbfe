"""How capture's parent judges its children: silence, ends, changes, waits; with pretended children."""

import random
import subprocess
import sys
from itertools import pairwise

import pytest

from services.capture.backoff import Backoff
from services.capture.follower import HOLD_SECONDS, Follower
from services.capture.runner import START_SECONDS, STOP_SECONDS, CameraRunner
from services.capture.service import CaptureService
from shared.capture_link import Report as ChildReport
from shared.capture_link import ReportReader, child_instance, encode_line
from shared.config import CameraSettings, CaptureSettings
from shared.errors import StoreError
from shared.records import CameraState

LIMITS = CaptureSettings(group="default", connect_timeout=10, read_timeout=5, retry_first=1, retry_most=30)
SETTINGS = CameraSettings(source="rtsp://user:secret@cam/1")


class FakeChild:
    """A child that says what the test tells it to."""

    def __init__(self, task):
        self.task, self.inbox, self.code, self.asked, self.closed = task, [], None, [], False

    def say(self, state, **more):
        self.inbox.append(ChildReport(state=state, **({"run": 7} | more)))

    def reports(self):
        said, self.inbox = self.inbox, []
        return said

    def exit_code(self):
        return self.code

    def terminate(self):
        self.asked.append("terminate")

    def kill(self):
        self.asked.append("kill")
        self.code = -9

    def fileno(self):
        return -1

    def close(self):
        self.closed = True


class Stage:
    """One runner and the children it started."""

    def __init__(self, settings=SETTINGS):
        self.children = []
        backoff = Backoff(LIMITS.retry_first, LIMITS.retry_most, random.Random(1))
        self.runner = CameraRunner("door", settings, LIMITS, self.start, backoff, "capture-1")

    def start(self, task):
        self.children.append(FakeChild(task))
        return self.children[-1]

    @property
    def child(self):
        return self.children[-1]

    @property
    def state(self):
        return self.runner.state()

    def go_live(self, now=0.0, **more):
        self.runner.poll(now)
        self.child.say("live", width=640, height=480, fps=15.0, captured=3, **more)
        self.runner.poll(now)


def test_a_camera_is_connecting_then_live():
    stage = Stage()
    stage.runner.poll(0.0)
    assert stage.state.state == "connecting"
    assert stage.child.task.camera_settings() == SETTINGS
    stage.go_live()
    state = stage.state
    assert (state.state, state.width, state.height, state.fps, state.run, state.captured) == (
        "live",
        640,
        480,
        15,
        7,
        3,
    )


def test_a_blocked_read_is_killed_and_started_again_after_a_wait():
    stage = Stage()
    stage.go_live()
    stage.runner.poll(4.9)
    assert stage.child.asked == []
    stage.runner.poll(5.1)
    assert stage.child.asked == ["kill"]
    stage.runner.poll(5.2)
    assert stage.state.state == "lost"
    assert "no frame for 5 s" in stage.state.detail
    assert stage.state.fps == 0
    stage.runner.poll(5.2)
    assert len(stage.children) == 1
    stage.runner.poll(6.3)
    assert len(stage.children) == 2
    assert stage.child.task.after_run == 7
    assert stage.state.reconnects == 1


def test_a_process_that_can_not_be_started_is_one_lost_camera_and_tried_again():
    stage = Stage()

    def refuse(task):
        raise OSError(11, "Resource temporarily unavailable")

    stage.runner._start = refuse
    stage.runner.poll(0.0)
    assert (stage.state.state, stage.runner.child) == ("lost", None)
    assert "can't be started: Resource temporarily unavailable" in stage.state.detail
    stage.runner._start = stage.start
    stage.runner.poll(0.1)
    assert stage.children == []
    stage.runner.poll(LIMITS.retry_first * 2.0)
    assert len(stage.children) == 1


def test_connecting_may_take_longer_and_starting_longer_still():
    stage = Stage()
    stage.runner.poll(0.0)
    stage.runner.poll(START_SECONDS - 0.1)
    assert stage.child.asked == []
    stage.child.say("connecting", run=0)
    stage.runner.poll(START_SECONDS - 0.1)
    stage.runner.poll(START_SECONDS + 9.8)
    assert stage.child.asked == []
    stage.runner.poll(START_SECONDS + 10)
    assert stage.child.asked == ["kill"]


def test_a_child_that_reports_is_left_alone():
    stage = Stage()
    stage.go_live()
    for now in range(1, 100):
        stage.child.say("live")
        stage.runner.poll(float(now))
    assert stage.child.asked == []


def test_a_lost_camera_says_why_and_waits_longer_each_time():
    stage, starts, now = Stage(), [], 0.0
    while len(starts) < 7:
        before = len(stage.children)
        stage.runner.poll(now)
        if len(stage.children) > before:
            starts.append(now)
            stage.child.say("lost", detail="can't reach it", run=0)
            stage.child.code = 2
        now += 0.01
    waits = [later - sooner for sooner, later in pairwise(starts)]
    assert stage.state.detail == "can't reach it"
    assert all(wait <= ceiling + 0.1 for wait, ceiling in zip(waits, (1, 2, 4, 8, 16, 30), strict=True))
    assert max(waits) > 3
    assert stage.state.reconnects == 6


def test_a_camera_that_stays_is_forgiven():
    stage = Stage()
    for _ in range(6):
        stage.runner._backoff.next()
    stage.go_live(0.0)
    for now in range(1, 20):
        stage.child.say("live")
        stage.runner.poll(float(now))
    stage.child.code = 1
    stage.runner.poll(20.0)
    stage.runner.poll(21.1)
    assert len(stage.children) == 2


def test_a_child_that_dies_without_a_word_is_named_by_its_code():
    stage = Stage()
    stage.go_live()
    stage.child.code = -11
    stage.runner.poll(1.0)
    assert (stage.state.state, stage.state.detail) == (
        "lost",
        "its capture process ended with code -11; its log says why",
    )
    assert stage.child.closed


def test_a_recording_that_has_ended_is_not_started_again():
    stage = Stage(CameraSettings(source="film.mp4"))
    stage.go_live()
    stage.child.say("ended", detail="cut short", captured=20)
    stage.child.code = 0
    stage.runner.poll(1.0)
    stage.runner.poll(1000.0)
    assert len(stage.children) == 1
    assert (stage.state.state, stage.state.detail, stage.state.captured) == ("ended", "cut short", 20)


def test_last_words_are_heard_although_the_child_is_gone_already():
    stage = Stage()
    stage.go_live()
    stage.child.code = 2
    stage.child.reports = iter([[], [ChildReport(state="lost", detail="frozen")]]).__next__
    stage.runner.poll(1.0)
    assert stage.state.detail == "frozen"


def test_changed_settings_end_the_old_child_before_the_new_one_starts():
    stage, other = Stage(), CameraSettings(source="rtsp://other/2")
    stage.go_live()
    stage.runner.change(other, 1.0)
    stage.runner.poll(1.0)
    assert (stage.child.asked, len(stage.children)) == (["terminate"], 1)
    stage.child.code = 0
    stage.runner.poll(1.1)
    stage.runner.poll(1.2)
    assert len(stage.children) == 2
    assert stage.child.task.camera_settings() == other
    assert stage.state.reconnects == 0


def test_changed_settings_start_an_ended_or_waiting_camera_at_once():
    for last in ("ended", "lost"):
        stage = Stage()
        stage.go_live()
        stage.child.say(last)
        stage.child.code = 0
        stage.runner.poll(1.0)
        stage.runner.change(CameraSettings(source="1"), 1.0)
        stage.runner.poll(1.0)
        assert len(stage.children) == 2


def test_a_child_that_ignores_the_request_to_end_is_killed():
    stage = Stage()
    stage.go_live()
    stage.runner.stop(1.0)
    stage.runner.poll(1.0 + STOP_SECONDS - 0.1)
    assert stage.child.asked == ["terminate"]
    stage.runner.poll(1.0 + STOP_SECONDS)
    assert stage.child.asked == ["terminate", "kill"]


def test_a_paused_camera_has_no_process():
    stage = Stage()
    stage.go_live()
    stage.runner.change(SETTINGS.model_copy(update={"paused": True}), 1.0)
    stage.child.code = 0
    stage.runner.poll(1.1)
    stage.runner.poll(1.2)
    assert (stage.state.state, len(stage.children)) == ("paused", 1)
    stage.runner.change(SETTINGS, 2.0)
    stage.runner.poll(2.0)
    assert (stage.state.state, len(stage.children)) == ("connecting", 2)


class House:
    """A service and the children of its cameras."""

    def __init__(self):
        self.started = {}
        self.service = CaptureService(LIMITS, self.start, "capture-1", random.Random(1))

    def start(self, task):
        self.started.setdefault(task.camera, []).append(FakeChild(task))
        return self.started[task.camera][-1]

    def follow(self, now=0.0, **cameras):
        removed = self.service.follow(cameras, now)
        self.service.poll(now)
        return removed


def camera(source="0", **more):
    return CameraSettings(source=source, **more)


def test_cameras_of_the_group_are_started_and_removed_ones_stopped():
    house = House()
    house.follow(door=camera(), yard=camera("1"), far=camera("2", group="elsewhere"), phone=camera("browser"))
    assert set(house.started) == {"door", "yard"}
    assert [state.camera for state in house.service.states()] == ["door", "yard"]
    assert house.follow(door=camera()) == ["yard"]
    assert house.started["yard"][0].asked == ["terminate"]
    assert [state.camera for state in house.service.states()] == ["door"]
    assert len(house.service.children()) == 2
    house.started["yard"][0].code = 0
    house.service.poll(0.1)
    assert len(house.service.children()) == 1


def test_an_unchanged_camera_is_left_alone():
    house = House()
    for _ in range(3):
        house.follow(door=camera())
    assert len(house.started["door"]) == 1


def test_stopping_asks_all_children_and_starts_none():
    house = House()
    house.follow(door=camera(), yard=camera("1"))
    house.service.stop(1.0)
    for children in house.started.values():
        assert children[0].asked == ["terminate"]
        children[0].code = 0
    house.service.poll(1.1)
    house.service.poll(1.2)
    assert house.service.children() == []
    assert [len(children) for children in house.started.values()] == [1, 1]


def test_reports_survive_being_cut_anywhere():
    reports = [ChildReport(state="live", captured=number, detail="née") for number in range(5)]
    data = b"".join(encode_line(report) for report in reports)
    for size in (1, 7, 1000):
        reader = ReportReader()
        read = [report for at in range(0, len(data), size) for report in reader.feed(data[at : at + size])]
        assert read == reports


def test_a_line_that_is_no_report_is_left_out_and_logged_once(caplog):
    reader, report = ReportReader(), ChildReport(state="live")
    other = b'[ INFO:0] plugin for rtsp://user:secret@cam/1\n{"state": "asleep"}\n[]\n\xff\n'
    assert reader.feed(other + encode_line(report) + other) == [report]
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_what_a_c_library_writes_to_standard_output_is_no_report():
    program = """
import os
from services.capture import child
from shared import process
from shared.capture_link import Report
process.keep_stdout()
os.write(1, b"[ INFO:0] from C")
child._report(Report(state="live"))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout == encode_line(ChildReport(state="live"))
    assert said.stderr == b"[ INFO:0] from C"


def test_a_childs_name_fits_the_bus():
    name = child_instance("capture-" + "h" * 90, "c" * 40)
    assert len(name) == 100
    assert name.endswith("." + "c" * 40)
    assert child_instance("capture-1", "door") == "capture-1.door"


class FakeStore:
    """Redis as far as a group's holder and cameras go."""

    def __init__(self):
        self.away, self.holder, self.published = False, None, []

    def cameras(self):
        if self.away:
            raise StoreError("Redis does not answer")
        return {"door": camera()}

    def hold_group(self, group, instance, seconds):
        assert (group, seconds) == ("default", HOLD_SECONDS)
        self.holder = self.holder or instance
        return self.holder == instance

    def release_group(self, group, instance):
        self.holder = None if self.holder == instance else self.holder

    def publish_cameras(self, states):
        self.published.extend(states)


@pytest.fixture
def redis():
    return FakeStore()


def test_only_one_parent_of_a_group_reads_its_cameras(redis):
    first, second = Follower(redis, "default", "one"), Follower(redis, "default", "two")
    state = CameraState(camera="door", state="live", since_ns=1)
    first.states = second.states = [state]
    for follower in (first, second):
        follower.look(0.0)
    assert (list(first.wanted), first.state) == (["door"], "working")
    assert (second.wanted, second.state) == (None, "standing by")
    assert redis.published == [state]
    redis.release_group("default", "one")
    second.look(1.0)
    assert list(second.wanted) == ["door"]


def test_a_parent_that_lost_its_group_stops_reading(redis):
    follower = Follower(redis, "default", "one")
    follower.look(0.0)
    redis.holder = "two"
    follower.look(1.0)
    assert follower.wanted is None


def test_cameras_stay_while_redis_is_away(redis):
    follower = Follower(redis, "default", "one")
    follower.look(0.0)
    redis.away = True
    follower.look(1.0)
    assert (list(follower.wanted), follower.state) == (["door"], "waiting for redis")


def test_the_former_holder_goes_first_when_redis_comes_back_empty(redis):
    first, second = Follower(redis, "default", "one"), Follower(redis, "default", "two")
    for now, away in ((0.0, False), (1.0, True)):
        redis.away = away
        first.look(now)
        second.look(now)
    redis.away, redis.holder = False, None
    second.look(2.0)
    assert (redis.holder, second.wanted) == (None, None)
    first.look(2.1)
    second.look(1.0 + HOLD_SECONDS)
    assert redis.holder == "one"
    redis.holder = None
    second.look(2.0 + HOLD_SECONDS)
    assert redis.holder == "two"


def test_the_one_that_reads_a_group_declares_its_cameras_once(redis):
    declared = []
    first = Follower(redis, "default", "one", lambda: declared.append("one"))
    second = Follower(redis, "default", "two", lambda: declared.append("two"))
    for now in (0.0, 1.0):
        first.look(now)
        second.look(now)
    assert declared == ["one"]


def test_what_could_not_be_declared_is_declared_later(redis):
    faults = [StoreError("Redis is full")]

    def declare():
        if faults:
            raise faults.pop()

    follower = Follower(redis, "default", "one", declare)
    follower.look(0.0)
    assert (follower.wanted, follower.state) == (None, "waiting for redis")
    follower.look(1.0)
    assert list(follower.wanted) == ["door"]


def test_states_are_published_at_once_when_they_change_and_else_once_a_second(redis):
    follower = Follower(redis, "default", "one")
    for seconds, state in ((0.0, "live"), (0.5, "live"), (0.6, "lost"), (1.1, "lost"), (1.7, "lost")):
        follower.states = [CameraState(camera="door", state=state, since_ns=1)]
        follower.look(seconds)
    assert [state.state for state in redis.published] == ["live", "lost", "lost"]
