"""The supervisor's processes: their logs, their end, and the end of what they started."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from services.supervisor import processes as module
from services.supervisor.embedded_redis import locked_data
from services.supervisor.processes import Command, Ended, Processes
from shared.errors import StackError
from tests.waiting import wait_for


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """None yet; whatever a test leaves is killed."""
    processes = Processes(tmp_path)
    yield processes
    for instance in list(processes._running):
        processes.kill(instance)
        wait_for(lambda: not processes.reap() and not processes._running, "its end")


def python(program: str, **more: str) -> Command:
    return Command([sys.executable, "-c", program], more)


def test_output_and_environment(processes: Processes) -> None:
    processes.start(
        "a-1", python("import os; print(os.environ['GREETING']); raise SystemExit(3)", GREETING="hello")
    )
    (ended,) = wait_for(processes.reap, "its end")
    assert ended == Ended("a-1", 3)
    assert ended.how == "ended with code 3"
    assert processes.tail("a-1", 5) == ["hello"]
    assert processes.pid("a-1") is None


def test_the_tail_is_that_of_the_last_start(processes: Processes) -> None:
    for word in ("first", "second"):
        processes.start("a-1", python(f"print('{word}')"))
        wait_for(processes.reap, "its end")
    assert processes.tail("a-1", 5) == ["second"]
    assert processes.log("a-1").read_text() == "first\nsecond\n"


def test_kill_takes_what_it_started_with_it(processes: Processes) -> None:
    program = "import subprocess; subprocess.run(['sleep', '60'])"
    pid = processes.start("a-1", python(program))
    (grandchild,) = wait_for(psutil.Process(pid).children, "the grandchild")
    processes.kill("a-1")
    (ended,) = wait_for(processes.reap, "its end")
    assert ended.how == "was ended by SIGKILL"
    wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, "its end")


def test_ctrl_c_does_not_reach_it(processes: Processes) -> None:
    pid = processes.start("a-1", python("import time; print('up', flush=True); time.sleep(60)"))
    wait_for(lambda: processes.tail("a-1", 1), "its start")
    assert os.getsid(pid) == pid
    ignored = int(Path(f"/proc/{pid}/status").read_text().split("SigIgn:")[1].split()[0], 16)
    assert ignored & (1 << (2 - 1))


def test_logs_are_bounded(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 1000)
    program = (
        "print('x' * 2000, flush=True); import time\n"
        "[(print('y', flush=True), time.sleep(0.02)) for _ in range(3000)]"
    )
    processes.start("a-1", python(program))
    log = processes.log("a-1")
    wait_for(lambda: log.stat().st_size > 1000, "a large log")
    processes.bound_logs()
    assert log.with_suffix(".log.1").read_text().startswith("x" * 2000)
    wait_for(lambda: log.stat().st_size > 0, "more output")
    assert log.read_text().startswith("y")
    assert processes.tail("a-1", 1) == ["y"]


def test_a_data_folder_has_one_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.supervisor.embedded_redis.LOCK_SECONDS", 0.1)
    folder = tmp_path / "data"
    with locked_data(folder), pytest.raises(StackError, match="another server"), locked_data(folder):
        pass
    with locked_data(tmp_path / "data"):
        pass


def test_the_lock_lives_as_long_as_the_server(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.supervisor.embedded_redis.LOCK_SECONDS", 0.1)
    with locked_data(tmp_path / "data") as lock:
        command = python("import time; print('up', flush=True); time.sleep(60)")
        processes.start("a-1", command._replace(keep_open=(lock,)))
        wait_for(lambda: processes.tail("a-1", 1), "its start")
    with pytest.raises(StackError, match="another server uses"), locked_data(tmp_path / "data"):
        pass
