"""A process answers how it does: over HTTP beside its metrics, and to the script that containers ask with."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from shared import metrics, pulse
from shared.config import MetricsSettings
from shared.pulse import Pulse

SCRIPT = Path(__file__).parents[2] / "deploy/docker/mien-health"


@pytest.fixture
def beating():
    """A pulse, and the port on which it answers."""
    made = Pulse("detector", "detector-1")
    return made, metrics.start_server(MetricsSettings(), 0, made.answer)


def ask(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def script(*arguments):
    return subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=20)


def test_well_from_its_first_turn_on_until_it_is_stuck(beating, monkeypatch):
    made, port = beating
    starting = {"service": "detector", "instance": "detector-1", "state": "starting"}
    assert ask(port) == (503, starting)
    made.state = lambda: "waiting for broker"
    made.turn()
    status, facts = ask(port)
    assert (status, facts["state"]) == (200, "waiting for broker")
    monkeypatch.setattr(pulse, "STUCK_SECONDS", 0.0)
    assert ask(port)[0] == 503


def test_the_script_of_the_containers_asks_and_shows_the_answer(beating):
    made, port = beating
    ill = script(port)
    assert ill.returncode == 1
    assert json.loads(ill.stdout)["state"] == "starting"
    made.turn()
    well = script(port)
    assert (well.returncode, json.loads(well.stdout)["instance"]) == (0, "detector-1")
    assert script(port, "/metrics").returncode == 0
    assert script(1).returncode == 1


def test_metrics_stay_where_they_were():
    port = metrics.start_server(MetricsSettings(), 0)
    for path in ("/metrics", "/healthz"):  # without a pulse there is nothing but metrics
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            assert b"mien_frames_total" in answer.read()
