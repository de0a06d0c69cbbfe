"""The run directory: one holder, cleaned before and after; the record by which commands find it."""

import os
from pathlib import Path

import pytest

from services.supervisor.run_directory import RunDirectory
from shared import stack
from shared.errors import StackError


def test_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunDirectory(path) as directory:
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "work.sock").touch()
        (directory.logs / "x.log").touch()
    assert not path.exists()


def test_a_directory_of_the_users_own_keeps_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with RunDirectory(tmp_path):
        (tmp_path / "redis.sock").touch()
        (tmp_path / "gpus").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunDirectory(path):
        with pytest.raises(StackError, match=f"already runs in .*pid {os.getpid()}"):
            RunDirectory(path).__enter__()
        assert stack.lock_holder(path) == os.getpid()
    assert stack.lock_holder(path) is None


def test_what_a_killed_stack_left_is_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunDirectory(path)._create()
    (path / "lock").write_text("4711")
    (path / "redis.sock").touch()
    (path / "logs").mkdir()
    (path / "logs" / "old.log").touch()
    with RunDirectory(path) as directory:
        assert not (path / "redis.sock").exists()
        assert list(directory.logs.iterdir()) == []
    assert not path.exists()


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(StackError, match="not a folder of this user"):
        RunDirectory(tmp_path / "run").__enter__()


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(StackError, match="not a folder of this user"):
        RunDirectory(tmp_path / "run").__enter__()


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="too long"):
        RunDirectory(tmp_path / ("x" * 100)).__enter__()


def test_commands_find_the_stack_only_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "run"
    record = stack.Stack(
        pid=os.getpid(), redis="unix:///r.sock", dashboard="http://127.0.0.1:8080", started_ns=1
    )
    with RunDirectory(path):
        assert stack.running_stack(path) is None
        stack.write_record(path, record)
        assert stack.running_stack(path) == record
        assert stack.find_redis("", path) == "unix:///r.sock"
    with pytest.raises(StackError, match="mien up"):
        stack.find_redis("", path)
    assert stack.find_redis("redis://other", path) == "redis://other"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@host:6379/1", "redis://host:6379/1"),
        ("redis://host", "redis://host"),
        ("redis://host/0?password=secret&db=2", "redis://host/0?db=2"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("unix://:secret@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_passwords_are_taken_out_of_urls(url: str, shown: str) -> None:
    assert stack.without_password(url) == shown
