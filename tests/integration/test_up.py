"""`mien up` with real processes: first result, scaling, cameras, deaths, and an end that leaves nothing."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from shared.config import RedisSettings
from shared.store import Store
from tests.artefacts import make_artefact
from tests.media import carphone, packaged
from tests.running_stack import MIEN, RunningStack, mien
from tests.valkey import start_valkey
from tests.waiting import wait_for

STOP_SECONDS = 5.0
FIRST_RESULT_SECONDS = 20.0
SMALL = ("--detection-width", "160", "--classifiers", "1")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mien-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """One stack for the tests that leave it as they found it."""
    arguments = ("--camera", f"clip={carphone()}")
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as name,
        RunningStack(Path(name), *SMALL, *arguments, "--no-demo") as running,
    ):
        running.wait_until("classifier", 1)
        yield running


def test_the_demo_gives_results_and_leaves_nothing(folder: Path) -> None:
    packaged("skimage", "data/astronaut.png")
    carphone()
    temporary = folder / "tmp"
    temporary.mkdir()
    began = time.monotonic()
    with RunningStack(folder, *SMALL, TMPDIR=str(temporary)) as stack:
        stack.wait_for_result("demo-carphone")
        assert time.monotonic() - began < FIRST_RESULT_SECONDS
        result = stack.wait_for_result("demo-astronaut")
        assert len(result["faces"]) == 1
        assert stack.run_dir.stat().st_mode & 0o777 == 0o700
        wait_for(lambda: "First result after" in stack.text(), "its being said")
        assert len(stack.children()) >= 9
        assert stack.stop() < STOP_SECONDS
        assert stack.supervisor.returncode == 0
        assert stack.left_over() == []
        assert not stack.run_dir.exists()
    assert list(temporary.iterdir()) == []


def test_a_second_start_names_the_first(stack: RunningStack) -> None:
    answer = mien("up", run_dir=stack.run_dir)
    assert answer.returncode == 2
    assert f"(pid {stack.supervisor.pid})" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert stack.supervisor.poll() is None


def test_other_commands_find_the_stack(stack: RunningStack) -> None:
    record = stack.record()
    assert record["pid"] == stack.supervisor.pid
    assert record["dashboard"].startswith("http://127.0.0.1:")
    status = json.loads(mien("status", "--json", run_dir=stack.run_dir).stdout)
    services = {worker["service"] for worker in status["workers"]}
    assert services == {"broker", "capture", "classifier", "dashboard", "detector", "recorder"}


def test_scaling_up_and_down(stack: RunningStack) -> None:
    before = stack.pids("classifier")
    assert mien("scale", "classifier=3", run_dir=stack.run_dir).returncode == 0
    more = stack.wait_until("classifier", 3)
    assert before.items() <= more.items()
    assert mien("scale", "classifier=1", run_dir=stack.run_dir).returncode == 0
    wait_for(lambda: sum(Path(f"/proc/{pid}").exists() for pid in more.values()) == 1, "two workers' end")
    assert stack.wait_until("classifier", 1) == before


def test_cameras_come_and_go_without_a_restart(stack: RunningStack) -> None:
    capture = stack.wait_until("broker", 1)
    picture = packaged("skimage", "data/astronaut.png")
    answer = mien("camera", "add", "face", str(picture), "--pan", "--fps", "5", run_dir=stack.run_dir)
    assert answer.returncode == 0, answer.stderr
    assert stack.wait_for_result("face")["width"] > 0
    assert mien("camera", "remove", "face", run_dir=stack.run_dir).returncode == 0
    wait_for(lambda: "face" not in stack.store.camera_states(), "the camera's end")
    assert stack.wait_until("broker", 1) == capture


def test_a_camera_that_is_to_be_forgotten_leaves_nothing_and_takes_nothing_along(stack: RunningStack) -> None:
    picture = packaged("skimage", "data/astronaut.png")
    answer = mien("camera", "add", "face", str(picture), "--pan", "--fps", "15", run_dir=stack.run_dir)
    assert answer.returncode == 0, answer.stderr
    stack.wait_for_result("face")
    answer = mien("camera", "remove", "fac?", "--forget", run_dir=stack.run_dir)
    assert answer.returncode == 2
    assert "can't be a camera's name" in answer.stderr
    assert stack.store.latest("face")
    assert mien("camera", "remove", "face", "--forget", run_dir=stack.run_dir).returncode == 0
    wait_for(lambda: "face" not in stack.store.camera_states(), "the camera's end")
    assert stack.store.latest("face") is None
    assert stack.store.ledger("face") == {"captured": 0, "in_flight": 0}
    assert not list(stack.store.results("face"))


def test_a_killed_worker_comes_back(stack: RunningStack) -> None:
    before = stack.wait_until("detector", 1)["detector-1"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: stack.pids("detector").get("detector-1") not in (None, before), "another detector")
    assert "detector-1 was ended by SIGKILL" in stack.text()


def test_a_killed_redis_comes_back_with_all_it_held(stack: RunningStack) -> None:
    before = stack.store.ledger("clip")["recorded"]
    picture = packaged("skimage", "data/astronaut.png")
    assert mien("camera", "add", "still", str(picture), "--pan", run_dir=stack.run_dir).returncode == 0
    stack.wait_for_result("still")
    (server,) = [child for child in stack.children() if "valkey" in child.name()]
    server.kill()
    stack.wait_for_result("still")
    assert stack.store.ledger("clip")["recorded"] >= before > 0
    assert set(stack.store.cameras()) == {"clip", "still"}
    stack.store.remove_camera("still")


def test_a_killed_supervisor_leaves_no_orphans_and_its_directory_is_cleaned(folder: Path) -> None:
    with RunningStack(folder, *SMALL, "--no-demo") as stack:
        stack.wait_until("classifier", 1)
        assert len(stack.children()) >= 7
        stack.supervisor.kill()
        stack.supervisor.wait(5)
        wait_for(lambda: not stack.left_over(), "the end of all processes")
        assert (stack.run_dir / "redis.sock").exists()
    with RunningStack(folder, *SMALL, "--no-demo") as again:
        again.wait_until("classifier", 1)
        assert again.stop() < STOP_SECONDS
        assert not again.run_dir.exists()


def test_results_outlive_the_stack_and_its_data_has_one_user(folder: Path) -> None:
    data = {"MIEN_REDIS__DATA_DIR": str(folder / "data")}
    camera = ("--camera", f"clip={carphone()}", "--no-demo")
    with RunningStack(folder, *SMALL, *camera, ephemeral=False, **data) as stack:
        wait_for(lambda: "First result" in stack.text(), "a result", 40)
        other = mien("up", run_dir=folder / "other", **data)
        assert other.returncode == 2
        assert f"another server uses {folder / 'data'}" in other.stderr
        assert not (folder / "other").exists()
        stack.stop()
    with RunningStack(folder, *SMALL, "--no-demo", "--classifiers", "0", ephemeral=False, **data) as again:
        again.wait_until("broker", 1)
        assert again.store.ledger("clip")["recorded"] > 0
        wait_for(lambda: not again.store.cameras(), "the camera going")


def names_of(processes: Iterable[psutil.Process]) -> Iterator[str]:
    """Give the names of those that have not ended meanwhile."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process.name()


def test_with_a_redis_of_the_users_own(folder: Path) -> None:
    with (
        start_valkey(folder) as url,
        RunningStack(folder, *SMALL, "--no-demo", redis=url) as stack,
    ):
        stack.wait_until("classifier", 1)
        assert not (stack.run_dir / "redis.sock").exists()
        assert not [name for name in names_of(stack.children()) if "valkey" in name]
        assert stack.stop(signal.SIGHUP) < STOP_SECONDS
        Store(RedisSettings(url=url), folder).ping()


def test_without_the_users_redis_it_does_not_start(folder: Path) -> None:
    answer = mien("up", "--redis", "redis://127.0.0.1:1", "--port", "0", run_dir=folder / "run")
    assert answer.returncode == 2
    assert "Redis at redis://127.0.0.1:1 does not answer" in answer.stderr
    assert not (folder / "run").exists()


def test_a_chosen_port_that_is_taken_stops_the_start(stack: RunningStack, folder: Path) -> None:
    port = stack.record()["dashboard"].rpartition(":")[2]
    answer = mien("up", "--port", port, run_dir=folder / "run")
    assert answer.returncode == 2
    assert f"port {port}" in answer.stderr
    assert "--port" in answer.stderr


def test_a_worker_that_cannot_start_says_why(folder: Path) -> None:
    make_artefact(folder / "model")
    (folder / "model" / "model_int8.tflite").write_bytes(b"altered")
    model = {"MIEN_CLASSIFIER__MODEL": str(folder / "model")}
    with RunningStack(folder, *SMALL, "--no-demo", **model) as stack:
        wait_for(lambda: "its card says" in stack.text(), "the reason", 40)
        assert "classifier-1 ended with code 2; it starts again" in stack.text()
        assert stack.stop() < STOP_SECONDS


def test_ctrl_c_on_a_terminal_stops_all(folder: Path) -> None:
    terminal, end = pty.openpty()
    environment = {**os.environ, "MIEN_RUN_DIR": str(folder / "run"), "TERM": "xterm", "COLUMNS": "140"}
    process = subprocess.Popen(
        [*MIEN, "up", "--ephemeral", "--port", "0", "--no-demo", *SMALL],
        env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True,
        preexec_fn=lambda: _take_terminal(end),
    )  # fmt: skip
    os.close(end)
    shown = b""
    while not re.search(rb"classifier-1[^\n]*working", shown):
        shown += os.read(terminal, 65_536)
    os.write(terminal, b"\x03")
    began = time.monotonic()
    while True:
        try:
            shown += os.read(terminal, 65_536)
        except OSError:  # nobody has the terminal open any more
            break
    assert process.wait(10) == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert b"dashboard" in shown
    assert not (folder / "run").exists()


def _take_terminal(end: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(end, termios.TIOCSCTTY, 0)
