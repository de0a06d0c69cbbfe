"""The examples in docs/api.md and docs/webhooks.md do what they say, on a served app with login."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import uvicorn

from services.dashboard.app import create_app
from services.dashboard.deliveries import sign
from shared.config import CameraSettings, DashboardSettings, Settings
from shared.store import Store
from tests.fake_stack import SceneFeed
from tests.integration.test_webhooks import SECOND, record
from tests.media import astronaut

DOCS = Path(__file__).parents[2] / "docs"
TOKEN = "admin-token-0123456789"


def examples(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    """Address of the app, served with a camera `door` that has recorded five frames."""
    store.put_camera("door", CameraSettings(source="door.mp4"))
    for number in range(1, 6):
        record(store, "door", number, "happy", time.time_ns() - (6 - number) * SECOND)
    settings = Settings(dashboard=DashboardSettings(admin_token=TOKEN))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(store, SceneFeed, settings), log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "people.jpg"), astronaut())
    return tmp_path


def run(command: list[str], folder: Path, url: str) -> str:
    variables = {**os.environ, "URL": url, "TOKEN": TOKEN}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shell_example(url: str, folder: Path, store: Store) -> None:
    (script,) = examples("api.md", "bash")
    output = run(["bash", "-euc", script], folder, url)
    assert '"name":"yard"' in output
    assert '"sequence":5' in output
    assert output.count('"source":"people.jpg"') == 2
    assert (folder / "door.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (folder / "faces.csv").read_text().count("happy") >= 5
    assert set(store.cameras()) == {"door"}


def test_the_python_examples(url: str, folder: Path) -> None:
    rest, live = examples("api.md", "python")
    output = run([sys.executable, "-c", rest], folder, url).splitlines()
    assert output[0] == "door is read from door.mp4"
    assert [line.split()[:2] for line in output[1:6]] == [[str(number), "happy"] for number in range(1, 6)]
    assert output[6].startswith("happy 0.")
    output = run([sys.executable, "-c", live], folder, url).splitlines()
    assert sum(line.startswith("picture") for line in output) == 3
    assert any(line.startswith("result") and line.endswith("1 faces") for line in output)


def test_the_signature_example() -> None:
    (script,) = examples("webhooks.md", "python")
    names: dict[str, Any] = {}
    exec(script, names)
    header = sign("0123456789abcdef", int(time.time()), b"{}")
    assert names["is_genuine"](header, b"{}", "0123456789abcdef")
    assert not names["is_genuine"](header, b"{ }", "0123456789abcdef")
    assert not names["is_genuine"](sign("0123456789abcdef", 1, b"{}"), b"{}", "0123456789abcdef")


def test_every_route_is_in_the_page_and_described(store: Store) -> None:
    app = create_app(store, SceneFeed, Settings())
    document = app.openapi()
    text = (DOCS / "api.md").read_text()
    tags = {tag["name"] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        last = [part for part in path.split("/") if not part.startswith("{")][-1]
        assert f"/{last}" in text, path
        for method, route in methods.items():
            what = f"{method} {path}"
            assert set(route["tags"]) <= tags, what
            assert len(route["tags"]) == 1, what
            assert route["summary"], what
            assert route["description"], what
            failed = {status for status in route["responses"] if status[0] in "45"}
            assert path == "/healthz" or failed >= {"401", "403", "503"}, what
            for status in failed:
                problem = route["responses"][status]["content"]["application/json"]["schema"]
                assert set(problem["properties"]) == {"detail"}, f"{what} {status}"
