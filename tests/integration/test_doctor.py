"""`mien doctor` beside a Redis of its own, as in containers, where `mien up` runs nothing."""

import json
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.__main__ import app
from shared.records import Health
from shared.store import Store


@pytest.mark.parametrize("runs", [True, False])
def test_doctor_asks_nothing_of_mien_up_where_redis_is_another_s(
    store: Store, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: bool
) -> None:
    if runs:
        page = Health(
            service="dashboard", instance="dashboard-1", host="h", pid=os.getpid(), started_ns=1,
            metrics_port=0, state="working",
        )  # fmt: skip
        store.publish_health(page)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("MIEN_DASHBOARD__PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("MIEN_REDIS__DATA_DIR", "/proc/nothing-can-be-written-here")
        arguments = ["doctor", "--json", "--redis", valkey_url, "--run-dir", str(tmp_path)]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    findings = {entry["what"]: entry for entry in json.loads(result.stdout)}
    assert findings["data folder"]["state"] == "ok"
    assert findings["dashboard port"]["state"] == ("ok" if runs else "advice")
