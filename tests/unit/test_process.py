"""Which processes share a clock."""

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
