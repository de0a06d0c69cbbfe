"""Processes of a running stack are killed or frozen under load: results resume, and the books balance."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.bench.clip import default_media, make_clip
from services.bench.stack import Stack
from shared.config import CameraSettings
from tests.chaos.ledger import check_books, recorded_between
from tests.waiting import wait_for

FPS = 8.0
RESUME_SECONDS = 5.0
CAMERAS = ["left", "right"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(default_media(), (320, 240), FPS, tmp_path_factory.mktemp("clip"))


@pytest.fixture
def stack(tmp_path: Path, clip: Path) -> Iterator[Stack]:
    settings = {"scale": {"detectors": 2, "classifiers": 2, "recorders": 2}, "detector": {"width": 320}}
    with Stack(tmp_path, settings) as stack:
        stack.add_cameras(
            {name: CameraSettings(source=str(clip), loop=True, pace="live") for name in CAMERAS}
        )
        yield stack


def newer_than(stack: Stack, moment_ns: int, cameras: list[str] = CAMERAS) -> Callable[[], bool]:
    """Return whether each camera has a result of a frame captured after that moment."""

    def condition() -> bool:
        latest = [stack.store.latest(camera) for camera in cameras]
        return all(result and result["captured_ns"] > moment_ns for result in latest)

    return condition


def signal_one(stack: Stack, service: str, number: int, which: int = 0) -> int:
    process = sorted(stack.processes()[service], key=lambda p: p.pid)[which]
    process.send_signal(number)
    return process.pid


@pytest.mark.parametrize("service", ["classifier", "detector", "recorder", "broker"])
def test_results_resume_after_a_kill(stack: Stack, service: str) -> None:
    killed = time.time_ns()
    signal_one(stack, service, signal.SIGKILL)
    wait_for(newer_than(stack, killed), f"results after kill -9 of a {service}", RESUME_SECONDS)
    stack.remove_cameras()
    check_books(stack, CAMERAS)


def test_the_only_worker_of_each_kind_is_replaced(tmp_path: Path, clip: Path) -> None:
    with Stack(tmp_path, {"scale": {"detectors": 1, "classifiers": 1, "recorders": 1}}) as stack:
        stack.add_cameras({"left": CameraSettings(source=str(clip), loop=True, pace="live")})
        for service in ("detector", "classifier", "recorder"):
            killed = time.time_ns()
            signal_one(stack, service, signal.SIGKILL)
            wait_for(
                newer_than(stack, killed, ["left"]), f"results after kill -9 of the {service}", RESUME_SECONDS
            )
        stack.remove_cameras()
        check_books(stack, ["left"])


def test_a_killed_camera_process_comes_back_and_the_other_does_not_notice(stack: Stack) -> None:
    began = time.time_ns()
    state = wait_for(lambda: stack.store.camera_states().get("left"), "the camera's state")
    child = next(
        p for p in stack.processes()["capture"] if "left" in " ".join(p.cmdline()) and p.pid != os.getpid()
    )
    child.kill()
    wait_for(newer_than(stack, time.time_ns(), ["left"]), "a new run of the killed camera", RESUME_SECONDS)
    wait_for(newer_than(stack, began + 4_000_000_000, ["right"]), "four seconds of the other camera")
    assert recorded_between(stack, "right", began, began + 4_000_000_000) >= 4 * FPS * 0.9
    assert stack.store.latest("left")["run"] > state.run
    stack.remove_cameras()
    check_books(stack, CAMERAS)


def test_a_killed_capture_parent_comes_back(stack: Stack) -> None:
    killed = time.time_ns()
    parent = min(stack.processes()["capture"], key=lambda p: p.create_time())
    parent.kill()
    wait_for(newer_than(stack, killed), "results after kill -9 of capture", RESUME_SECONDS)
    stack.remove_cameras()
    check_books(stack, CAMERAS)


def test_redis_frozen_for_ten_seconds_loses_nothing(stack: Stack) -> None:
    frozen = time.time_ns()
    pid = signal_one(stack, "redis", signal.SIGSTOP)
    time.sleep(10.0)  # the fault itself: Redis is away so long
    thawed = time.time_ns()
    os.kill(pid, signal.SIGCONT)
    wait_for(newer_than(stack, thawed), "results after Redis' return", RESUME_SECONDS)
    stack.remove_cameras()
    check_books(stack, CAMERAS)
    for camera in CAMERAS:
        assert recorded_between(stack, camera, frozen, thawed) >= 10 * FPS * 0.9


@pytest.mark.parametrize("service", ["detector", "classifier"])
def test_a_frozen_worker_ends_itself_when_it_wakes_after_its_lease(stack: Stack, service: str) -> None:
    process = sorted(stack.processes()[service], key=lambda p: p.pid)[0]
    process.suspend()
    frozen = time.time_ns()
    wait_for(newer_than(stack, frozen + 3_000_000_000), "results beside a frozen worker", 8.0)
    process.resume()
    wait_for(newer_than(stack, time.time_ns()), "results after it woke", RESUME_SECONDS)
    stack.remove_cameras()
    check_books(stack, CAMERAS)


def test_a_recorder_paused_across_a_hand_over_writes_nothing_twice(stack: Stack) -> None:
    recorder = sorted(stack.processes()["recorder"], key=lambda p: p.pid)[0]
    recorder.suspend()
    paused = time.time_ns()
    wait_for(newer_than(stack, paused), "results through the other recorder", RESUME_SECONDS + 3)
    recorder.resume()
    wait_for(newer_than(stack, time.time_ns()), "results after it woke", RESUME_SECONDS)
    stack.remove_cameras()
    check_books(stack, CAMERAS)


def test_scaling_under_load_loses_nothing(stack: Stack) -> None:
    for count in (1, 3, 2):
        stack.store.set_wanted(classifiers=count)
        wait_for(
            lambda count=count: (
                len(stack.processes()["classifier"]) == count
                and sum(h.service == "classifier" and h.state == "working" for h in stack.store.health())
                >= count
            ),
            f"{count} classifiers",
            20.0,
        )
    wait_for(newer_than(stack, time.time_ns()), "results after scaling")
    stack.remove_cameras()
    check_books(stack, CAMERAS)
    for camera in CAMERAS:
        dropped = {
            k: n
            for k, n in stack.store.ledger(camera).items()
            if k not in ("captured", "recorded", "in_flight")
        }
        assert set(dropped) <= {"overtaken", "stale", "late"}, dropped  # load may cost frames, scaling none
