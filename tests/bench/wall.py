"""What the wall costs and how late it is: `python -m tests.bench.wall COMMAND`.

`relay [16]`: so many cameras x 5 frames/s to 3 browsers; prints the dashboard's share of one core and what
each browser has drawn. The cameras are published straight to the dashboard, so that nothing else is measured.
`sockets [16]`: the same to 3 readers that draw nothing, for machines on which 3 browsers can't draw so much.
`glass`: a whole stack with 4 cameras x 10 frames/s and one browser; prints from capture to drawn, as browsers
report it (`mien_glass_seconds`), beside capture to recorded.
`paint`: prints when a browser paints the wall's first content and first picture, and what the page weighs.
`added`: a whole stack; prints how soon a camera that is added by form is live on the wall.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from shared.config import BusSettings, CameraSettings, RedisSettings
from shared.store import Store
from tests.bench.page import added, first_paint
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.drawn import wait_for_frame
from tests.fake_stack import face
from tests.media import astronaut, carphone
from tests.publisher import Publisher
from tests.running_stack import RunningStack
from tests.valkey import start_valkey
from tests.waiting import wait_for

FPS, BROWSERS = 5.0, 3
GLASS_CAMERAS, GLASS_FPS = 4, 10.0
SECONDS = 20
VIEWPORT = {"width": 1600, "height": 1100}
DRAWN = """() => [...document.querySelectorAll("article .facts div:first-child dd")]
  .reduce((sum, value) => sum + (Number(value.textContent) || 0), 0)"""


@contextmanager
def pages(url: str, number: int) -> Iterator[list[Page]]:
    """Open the wall in so many browsers."""
    with sync_playwright() as playwright:
        opened = []
        for _ in range(number):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
            page.set_default_timeout(60_000)
            page.goto(url)
            opened.append(page)
        yield opened
        for page in opened:
            page.context.browser and page.context.browser.close()


@contextmanager
def dashboard(folder: Path, redis_url: str, store: Store) -> Iterator[tuple[int, str]]:
    """Run the dashboard alone; give its process id and address."""
    variables = {
        **os.environ, "MIEN_RUN_DIR": str(folder), "MIEN_REDIS__URL": redis_url,
        "MIEN_METRICS__PORT": "0", "MIEN_DASHBOARD__PORT": "0",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "services.dashboard", "--instance", "dashboard-1"], env=variables
    )
    try:
        signs = wait_for(store.health, "the dashboard's health", 40)
        yield process.pid, str(signs[0].facts["url"])
    finally:
        process.terminate()
        process.wait(10)


def photo(sequence: int) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return a photograph of 640x360 that moves sideways, and the face on it: about 30 kB as JPEG."""
    picture = cv2.resize(astronaut()[40:328], (640, 360))
    return np.roll(picture, 4 * sequence, axis=1), [face(((200 + 4 * sequence) % 540, 60, 110, 140))]


@contextmanager
def relaying(cameras: int) -> Iterator[tuple[int, str]]:
    """Run the dashboard alone with pictures of so many cameras; give its process id and address."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-")))
        redis_url = stack.enter_context(start_valkey(folder))
        store = Store(RedisSettings(url=redis_url), folder)
        for number in range(cameras):
            store.put_camera(f"cam{number:02}", CameraSettings(source="bench"))
        addresses = {name: f"ipc://{folder}/{name}.sock" for name in ("work", "feed")}
        publisher = Publisher(BusSettings(**addresses), FPS, photo)
        publisher.start()
        yield stack.enter_context(dashboard(folder, redis_url, store))
        publisher.stopped.set()
        publisher.join(5)
        store.close()


def relay(cameras: int = 16) -> None:
    """Measure the dashboard with browsers."""
    with relaying(cameras) as (pid, url), pages(url, BROWSERS) as browsers:
        for page in browsers:
            wait_for_frame(page, "cam00")
        time.sleep(3)
        share = cpu_share(pid)
        drawn = ", ".join(f"{page.evaluate(DRAWN):.0f}" for page in browsers)
        print(f"dashboard: {share:.0%} of one core; frames drawn a second by browser: {drawn}")


def sockets(cameras: int = 16) -> None:
    """Measure the dashboard with readers that take all pictures at once."""
    taken = [0] * BROWSERS
    with relaying(cameras) as (pid, url):
        readers = [
            threading.Thread(target=read, args=(url, cameras, taken, number), daemon=True)
            for number in range(BROWSERS)
        ]
        for reader in readers:
            reader.start()
        wait_for(lambda: all(taken), "pictures", 20)
        time.sleep(3)
        before = list(taken)
        share = cpu_share(pid)
        rates = ", ".join(f"{(now - then) / SECONDS:.0f}" for then, now in zip(before, taken, strict=True))
        print(f"dashboard: {share:.0%} of one core; pictures a second by reader: {rates}")


def read(url: str, cameras: int, taken: list[int], number: int) -> None:
    """Take pictures of all cameras and say so, as the page does, until the server goes."""
    with suppress(ConnectionClosed), connect(url.replace("http", "ws", 1) + "ws", max_size=None) as socket:
        socket.send(json.dumps({"watch": [f"cam{camera:02}" for camera in range(cameras)]}))
        while True:
            if isinstance(socket.recv(), bytes):
                taken[number] += 1
                socket.send(json.dumps({"taken": taken[number]}))


def paint() -> None:
    """Measure the page itself."""
    with relaying(2) as (_, url):
        first_paint(url, "cam00")


def cpu_share(pid: int) -> float:
    """Return which share of one core a process uses."""
    process = psutil.Process(pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(SECONDS)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


def glass() -> None:
    """Measure a whole stack."""
    names = [f"cam{number}" for number in range(GLASS_CAMERAS)]
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as folder,
        RunningStack(Path(folder), "--no-demo", "--detection-width", "320", "--classifiers", "1") as stack,
    ):
        stack.wait_until("dashboard", 1)
        settings = CameraSettings(source=str(carphone()), loop=True, pace="live", fps=GLASS_FPS)
        for name in names:
            stack.store.put_camera(name, settings)
        url = str(stack.record()["dashboard"])
        with pages(url, 1) as (page,):
            for name in names:
                wait_for_frame(page, name)
            time.sleep(3)
            before = counts(stack)
            time.sleep(SECONDS)
            after = counts(stack)
            drawn = page.evaluate(DRAWN)
        with urllib.request.urlopen(f"{url.rstrip('/')}/api/status") as answer:
            status = json.load(answer)
    buckets = {bound: after[bound] - before.get(bound, 0) for bound in after}
    within = ", ".join(f"{count / buckets['+Inf']:.1%} within {bound} s" for bound, count in buckets.items())
    recorded = status["latency"]
    print(f"{buckets['+Inf']:.0f} frames drawn ({drawn:.0f} a second); capture to glass: {within}")
    print(f"capture to recorded: p50 {recorded['p50_ms']:.0f} ms, p95 {recorded['p95_ms']:.0f} ms")


def counts(stack: RunningStack) -> dict[str, float]:
    """Return `mien_glass_seconds` of all cameras: upper bound → frames."""
    port = next(sign.metrics_port for sign in stack.store.health() if sign.service == "dashboard")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    total: dict[str, float] = {}
    for line in lines:
        if line.startswith("mien_glass_seconds_bucket"):
            bound = line.split('le="')[1].split('"')[0]
            total[bound] = total.get(bound, 0.0) + float(line.split()[-1])
    return total


if __name__ == "__main__":
    commands = {"relay": relay, "sockets": sockets, "glass": glass, "paint": paint, "added": added}
    commands[sys.argv[1]](*map(int, sys.argv[2:]))
