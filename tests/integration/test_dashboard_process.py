"""The dashboard's real process between a real bus and real WebSockets: it relays, stays small, and stops."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import connect

from shared.config import BusSettings
from shared.records import Health
from shared.store import Store
from tests.publisher import Publisher
from tests.waiting import wait_for

CAMERAS = [f"cam{number}" for number in range(4)]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mien-") as name:
        yield Path(name)


@pytest.fixture
def publisher(folder: Path) -> Iterator[Publisher]:
    addresses = {name: f"ipc://{folder}/{name}.sock" for name in ("work", "feed")}
    thread = Publisher(BusSettings(**addresses), fps=20)
    thread.start()
    yield thread
    thread.stopped.set()
    thread.join(5)


def start(folder: Path, redis_url: str, **environment: str) -> "subprocess.Popen[bytes]":
    settings = {"MIEN_RUN_DIR": str(folder), "MIEN_REDIS__URL": redis_url, "MIEN_METRICS__PORT": "0"}
    variables = {**os.environ, "MIEN_DASHBOARD__PORT": "0", **settings, **environment}
    command = [sys.executable, "-m", "services.dashboard", "--instance", "dashboard-1"]
    return subprocess.Popen(command, env=variables, stderr=subprocess.PIPE)


@pytest.fixture
def process(folder: Path, valkey_url: str, store: Store) -> Iterator["subprocess.Popen[bytes]"]:
    process = start(folder, valkey_url)
    yield process
    process.kill()
    process.wait(5)
    assert process.stderr is not None
    process.stderr.close()


@pytest.fixture
def url(process: "subprocess.Popen[bytes]", store: Store) -> str:
    def health() -> list[Health]:
        return [sign for sign in store.health() if sign.service == "dashboard"]

    return str(wait_for(health, "the dashboard's health", 60)[0].facts["url"]).replace("http", "ws") + "ws"


async def read_pairs(url: str, seconds: float) -> dict[str, list[int]]:
    """Watch all cameras for a while; return the sequences whose picture came right behind its result."""
    pairs: dict[str, list[int]] = {camera: [] for camera in CAMERAS}
    last: dict[str, Any] = {}
    until = time.monotonic() + seconds
    async with connect(url, max_size=None) as socket:
        await socket.send(json.dumps({"watch": CAMERAS}))
        while time.monotonic() < until:
            message = await asyncio.wait_for(socket.recv(), 10)
            if isinstance(message, str):
                last = json.loads(message).get("result", last)
                continue
            head = json.loads(message[4 : 4 + int.from_bytes(message[:4], "big")])
            if (head["camera"], head["sequence"]) == (last["camera"], last["sequence"]):
                pairs[head["camera"]].append(head["sequence"])
    return pairs


def test_pictures_come_with_their_results_for_every_camera(publisher: Publisher, url: str) -> None:
    pairs = asyncio.run(read_pairs(url, 2))
    for sequences in pairs.values():
        assert len(sequences) >= 5
        assert sequences == sorted(set(sequences))
    wait_for(lambda: not publisher.topics, "unsubscribing when the viewer is gone")


def test_a_browser_that_stops_reading_costs_no_memory_and_holds_up_no_other(
    process: "subprocess.Popen[bytes]", publisher: Publisher, url: str
) -> None:
    resident = psutil.Process(process.pid).memory_info

    async def scenario() -> tuple[int, int, dict[str, list[int]]]:
        async with connect(url, max_queue=1) as stuck:
            await stuck.send(json.dumps({"watch": CAMERAS}))
            await read_pairs(url, 2)
            before = resident().rss
            pairs = await read_pairs(url, 4)
            after = resident().rss
            stuck.transport.abort()
            return before, after, pairs

    before, after, pairs = asyncio.run(scenario())
    assert after - before < 6 * 2**20
    assert all(len(sequences) >= 10 for sequences in pairs.values())


def test_it_stops_at_once_though_somebody_watches(process: "subprocess.Popen[bytes]", url: str) -> None:
    async def scenario() -> None:
        async with connect(url) as socket:
            await socket.recv()
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(socket.wait_closed(), 5)

    asyncio.run(scenario())
    assert process.wait(5) == 0


def test_a_taken_port_ends_it_with_one_line(folder: Path, valkey_url: str, url: str) -> None:
    port = url.split(":")[2].split("/")[0]
    second = start(folder, valkey_url, MIEN_DASHBOARD__PORT=port)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    assert len(errors.decode().splitlines()) == 1
    assert f"127.0.0.1:{port}" in errors.decode()
