"""Redis is full: results wait within a bound, what is over it is counted, and then it all goes on."""

import os
import re
import socket
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import redis

from shared.config import CameraSettings, RedisSettings, environment_overrides
from shared.errors import StoreError
from shared.store import Store
from tests.chaos.ledger import check_books
from tests.chaos.processes import kept_alive
from tests.valkey import start_valkey
from tests.waiting import wait_for

QUIET_SECONDS = 3.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def waiting_results(port: int) -> float:
    """Return how many results wait in the broker, by its metrics."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    found = re.search(r'^mien_queue_depth\{queue="results"\} (.+)$', text, re.M)
    return float(found[1]) if found else 0.0


def grows_no_more(read: Callable[[], float], least: float) -> Callable[[], bool]:
    """Return whether a figure is at least so much and has not grown for some seconds."""
    highest, since = 0.0, time.monotonic()

    def settled() -> bool:
        nonlocal highest, since
        if (now := read()) > highest:
            highest, since = now, time.monotonic()
        return highest >= least and time.monotonic() - since > QUIET_SECONDS

    return settled


@pytest.mark.timeout(300)
def test_a_full_redis_costs_counted_frames_and_nothing_else(tmp_path: Path) -> None:
    run_dir, pictures, port = tmp_path / "r", tmp_path / "pictures", free_port()
    run_dir.mkdir()
    pictures.mkdir()
    for number in range(3):
        cv2.imwrite(str(pictures / f"{number}.png"), np.full((48, 64, 3), 40 + number, np.uint8))
    with ExitStack() as running:
        url = running.enter_context(start_valkey(run_dir, "--maxmemory-policy", "noeviction"))
        settings = {"run_dir": run_dir, "redis": {"url": url}, "metrics": {"port": 0}}
        environment = {**os.environ, **environment_overrides(**settings)}
        broker = {**environment, "MIEN_METRICS__PORT": str(port)}
        codes = [running.enter_context(kept_alive("tests.chaos.small_broker", broker))]
        for module in ("services.recorder", "services.detector", "services.capture"):
            codes.append(running.enter_context(kept_alive(module, environment)))
        store = Store(RedisSettings(url=url), run_dir)
        running.callback(store.close)
        server = redis.Redis.from_url(url)
        running.callback(server.close)
        store.put_camera("wall", CameraSettings(source=str(pictures), pace="live", loop=True, fps=20))
        wait_for(lambda: store.ledger("wall").get("recorded", 0) >= 5, "the first results", 90.0)

        server.config_set("maxmemory", "1")
        with pytest.raises(StoreError, match="is full; raise its maxmemory"):
            store.set_wanted(blur=True)
        before = store.ledger("wall")
        wait_for(grows_no_more(lambda: waiting_results(port), least=20), "a full queue of results", 90.0)
        assert waiting_results(port) < 80  # some 500 bytes each
        assert store.ledger("wall")["recorded"] - before["recorded"] <= 32  # what was under way

        server.config_set("maxmemory", "0")
        room_ns = time.time_ns()
        wait_for(lambda: store.latest("wall")["captured_ns"] > room_ns, "results once there is room", 20.0)
        store.remove_camera("wall")
        wait_for(
            lambda: store.cursor("wall").ended and not store.ledger("wall")["in_flight"], "its end", 30.0
        )
        check_books(SimpleNamespace(store=store), ["wall"])
        ledger = store.ledger("wall")
        assert ledger["redis_down"] > 0, ledger
        others = ("recorder_down", "lost", "lost_worker", "poison", "invalid")
        assert not any(ledger.get(outcome) for outcome in others), ledger
        assert ledger["recorded"] - before["recorded"] > 32 + 20, ledger  # what had waited is there, too
        assert codes == [[], [], [], []]  # nobody ended over it
