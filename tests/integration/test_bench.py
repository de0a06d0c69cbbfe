"""`mien bench` with real processes: the figures it promises, and books that balance."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_for

KEYS = {
    "frames_offered",
    "frames_recorded",
    "faces_recorded",
    "dropped",
    "latency_ms",
    "stage_ms",
    "cpu_seconds_per_1000_frames",
    "kernel_cpu_seconds_per_1000_frames",
    "overhead_ratio",
    "peak_rss_mb",
}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a bench where the environment names another Redis, as in a container."""
    command = [sys.executable, "-m", "services.cli", "bench", *arguments]
    environment = {**os.environ, "MIEN_REDIS__URL": "redis://127.0.0.1:1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=110, env=environment)


def test_the_figures_are_written_and_add_up(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    ended = run(*("--cameras", "2", "--fps", "4", "--size", "320x240", "--seconds", "4", "--json", str(file)))
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(file.read_text())
    assert set(figures) == KEYS
    assert figures["frames_recorded"] + sum(figures["dropped"].values()) == figures["frames_offered"]
    assert 0.9 * figures["frames_recorded"] < figures["faces_recorded"] <= figures["frames_recorded"]
    assert set(figures["latency_ms"]) == {"p50", "p95", "p99"}
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert {"detect", "classify", "record"} <= set(figures["stage_ms"])
    assert {"broker", "capture", "detector", "classifier", "recorder", "redis"} <= set(figures["peak_rss_mb"])
    services = figures["cpu_seconds_per_1000_frames"]
    assert services["all"] == round(services["all"], 3) > figures["kernel_cpu_seconds_per_1000_frames"] > 0
    assert "yunet" in ended.stdout
    assert "320" in ended.stdout


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose sockets have paths that Unix allows."""
    with tempfile.TemporaryDirectory(prefix="mien-") as name:
        yield Path(name)


def has_broker(process: psutil.Process) -> bool:
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "services.broker" in child.cmdline():
                return True
    return False


def test_a_bench_that_is_terminated_takes_its_stack_with_it(short_folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "bench",
        "--seconds",
        "60",
        "--cameras",
        "1",
        "--fps",
        "1",
    ]
    variables = {**os.environ, "TMPDIR": str(short_folder)}
    bench = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = psutil.Process(bench.pid)
    try:
        wait_for(lambda: has_broker(own), "the broker's start", seconds=60)
        started = own.children(recursive=True)
    finally:
        bench.terminate()
        ended = bench.wait(30)
    assert ended == 128 + signal.SIGTERM
    assert not [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert list(short_folder.iterdir()) == []


def test_what_is_wrong_with_the_options_is_one_line(tmp_path: Path) -> None:
    for arguments, complaint in (
        (("--media", str(tmp_path / "none.png")), "none.png"),
        (("--json", str(tmp_path / "no" / "folder.json")), "there is no folder"),
        (("--weights", str(tmp_path / "none.onnx")), "none.onnx"),
        (("--size", "huge"), "--size huge"),
    ):
        ended = run(*arguments)
        assert ended.returncode == 2, (arguments, ended.stderr)
        assert complaint in ended.stderr
        assert "Traceback" not in ended.stderr
