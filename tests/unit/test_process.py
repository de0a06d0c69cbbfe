"""Which processes share a clock, and what a process starts by itself."""

import subprocess
import sys

import pytest

from shared import process


def test_containers_of_one_machine_share_its_clock(monkeypatch):
    here = process.host_id()
    monkeypatch.setattr(process.socket, "gethostname", lambda: "another-container")
    assert process.host_id() != here
    assert process.shares_clock(here)


@pytest.mark.parametrize("host", ["elsewhere/0b9a6d6e-0000", "elsewhere/unknown", ""])
def test_other_machines_do_not(host):
    assert not process.shares_clock(host)


def test_where_the_boot_is_unknown_the_name_decides(monkeypatch):
    monkeypatch.setattr(process, "_boot_id", lambda: "unknown")
    assert process.shares_clock(process.host_id())
    assert not process.shares_clock("elsewhere/unknown")


def test_a_process_does_not_start_a_thread_for_each_core():
    code = "import services, numpy, os; print(len(os.listdir('/proc/self/task')))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(answer.stdout) == 1
