"""A real stack with a browser's camera, masks and zones: pictures in, results out, books balanced."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.config import BROWSER, CameraSettings
from tests.media import astronaut
from tests.running_stack import RunningStack
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(300)
FPS = 10
SECONDS = 90.0
"""For whatever starts a process, on a machine that does much else."""
SMALL = ("--detection-width", "320", "--classifiers", "1", "--no-demo")
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as name,
        RunningStack(Path(name), *SMALL, MIEN_DETECTOR__PREVIEW="clear") as running,
    ):
        running.wait_until("classifier", 1, SECONDS)
        running.wait_until("dashboard", 1, SECONDS)
        yield running


def address(stack: RunningStack, camera: str) -> str:
    return stack.record()["dashboard"].replace("http", "ws").rstrip("/") + f"/ws/camera/{camera}"


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


async def send(socket: ClientConnection, until: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Send a face, slightly brighter each time, until a condition holds."""
    picture, number = astronaut(), 0
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(until):
            number += 1
            await socket.send(jpeg(cv2.add(picture, number % 20)))
            await asyncio.sleep(1 / FPS)


async def refusal(url: str, *messages: Any) -> tuple[int, str]:
    """Return close code and reason that these messages get."""
    async with connect(url) as socket:
        for message in messages:
            await socket.send(message)
        async with asyncio.timeout(SECONDS):
            await socket.wait_closed()
        return socket.close_code or 0, socket.close_reason or ""


def run(scenario: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await scenario

    return asyncio.run(whole())


def recorded(stack: RunningStack, camera: str, more_than: int = 0) -> bool:
    return stack.store.ledger(camera).get("recorded", 0) > more_than


def check_books(stack: RunningStack, camera: str) -> None:
    """Every captured frame has one outcome, and the stream holds those that are recorded, once each."""
    wait_for(lambda: stack.store.ledger(camera)["in_flight"] == 0, f"the ledger's balance: {camera}", SECONDS)
    ledger = stack.store.ledger(camera)
    results = [(result["run"], result["sequence"]) for result in stack.store.results(camera)]
    assert sum(ledger.values()) == 2 * ledger["captured"]
    assert len(results) == len(set(results)) == ledger["recorded"]


def test_masked_faces_are_dropped_and_zones_stand_with_the_others(
    stack: RunningStack, tmp_path: Path
) -> None:
    both = np.hstack([astronaut(), astronaut()])
    cv2.imwrite(str(tmp_path / "two.png"), both)
    camera = CameraSettings(source=str(tmp_path / "two.png"), fps=4, zones={"right": RIGHT, "left": LEFT})
    stack.store.put_camera("poster", camera)
    faces = stack.wait_for_result("poster", SECONDS)["faces"]
    assert sorted(face["zones"] for face in faces) == [["left"], ["right"]]
    stack.store.put_camera("poster", camera.model_copy(update={"masks": (LEFT,)}))
    run_before = stack.store.latest("poster")["run"]  # type: ignore[index]
    wait_for(lambda: stack.store.latest("poster")["run"] > run_before, "the new run", SECONDS)
    faces = stack.wait_for_result("poster", SECONDS)["faces"]
    assert [face["zones"] for face in faces] == [["right"]]
    stack.store.remove_camera("poster")
    check_books(stack, "poster")


def test_a_browsers_pictures_are_recorded_and_its_camera_is_live_and_then_lost(stack: RunningStack) -> None:
    stack.store.put_camera("phone", CameraSettings(source=BROWSER, zones={"left": LEFT}))
    url = address(stack, "phone")

    def state() -> str | None:
        found = stack.store.camera_states().get("phone")
        return found.state if found else None

    async def scenario() -> None:
        async with connect(url) as socket:
            await send(socket, lambda: recorded(stack, "phone", 5) and state() == "live")
            code, reason = await refusal(url)
            assert (code, "another page" in reason) == (1008, True)
            await send(socket, lambda: recorded(stack, "phone", 10))

    assert state() is None
    run(scenario())
    face = stack.store.latest("phone")["faces"][0]  # type: ignore[index]
    assert face["zones"] == ["left"]
    assert set(face["probabilities"]) >= {"happy", "sad"}
    wait_for(lambda: state() == "lost", "its being lost", SECONDS)
    check_books(stack, "phone")


def test_the_books_balance_after_a_kill_of_the_dashboard(stack: RunningStack) -> None:
    stack.store.put_camera("tablet", CameraSettings(source=BROWSER, fps=8, width=320, detect_every=2))
    (pid,) = stack.pids("dashboard").values()

    async def before() -> None:
        async with connect(address(stack, "tablet")) as socket:
            await send(socket, lambda: recorded(stack, "tablet", 5))
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(ConnectionClosed):
                await send(socket, lambda: False)

    async def after(count: int) -> None:
        async with connect(address(stack, "tablet")) as socket:
            await send(socket, lambda: recorded(stack, "tablet", count + 5))

    run(before())
    check_books(stack, "tablet")
    wait_for(lambda: pid not in stack.pids("dashboard").values(), "the old dashboard's end", SECONDS)
    stack.wait_until("dashboard", 1, SECONDS)
    run(after(stack.store.ledger("tablet")["recorded"]))
    check_books(stack, "tablet")
    latest = stack.store.latest("tablet")
    assert latest is not None
    assert latest["width"] == 320


def test_what_is_no_picture_is_refused_with_the_reason(stack: RunningStack) -> None:
    stack.store.put_camera("hostile", CameraSettings(source=BROWSER))
    messages: dict[str, Any] = {
        "the payload is not a JPEG": b"hello",
        "not a JPEG: send JPEGs": "hello",
        "too large": b"\xff\xd8" + bytes(1_100_000),
        "8000x6000": jpeg(np.zeros((6000, 8000, 3), np.uint8)),
        "cut off": jpeg(np.zeros((8, 8, 3), np.uint8))[:60],
    }
    for words, message in messages.items():
        code, reason = run(refusal(address(stack, "hostile"), message))
        assert code == 1008
        assert words in reason


def test_only_a_camera_that_waits_for_a_browser_takes_pictures(stack: RunningStack) -> None:
    stack.store.put_camera("file", CameraSettings(source="/nowhere.mp4"))
    stack.store.put_camera("off", CameraSettings(source=BROWSER, paused=True))
    assert "no camera" in run(refusal(address(stack, "nobody")))[1]
    assert "source of its own" in run(refusal(address(stack, "file")))[1]
    assert "paused" in run(refusal(address(stack, "off")))[1]


def test_a_second_dashboard_is_told_that_the_camera_is_taken(stack: RunningStack) -> None:
    stack.store.put_camera("shared", CameraSettings(source=BROWSER))
    second = start_dashboard(stack)

    async def scenario() -> tuple[int, str]:
        url = str(wait_for(lambda: dashboards(stack).get("dashboard-2"), "a second dashboard", SECONDS))
        async with connect(address(stack, "shared")) as first, asyncio.TaskGroup() as group:
            await send(first, lambda: recorded(stack, "shared", 2))
            refused = group.create_task(sent_until_closed(url.replace("http", "ws") + "ws/camera/shared"))
            await send(first, refused.done)
            run_before = stack.store.camera_states()["shared"].run
            count = stack.store.ledger("shared")["recorded"]
            await send(first, lambda: recorded(stack, "shared", count + 2))
            assert stack.store.camera_states()["shared"].run == run_before
        return refused.result()

    try:
        code, reason = run(scenario())
    finally:
        second.terminate()
        second.wait(10)
    assert code == 1013
    assert "another" in reason
    check_books(stack, "shared")


async def sent_until_closed(url: str) -> tuple[int, str]:
    async with connect(url) as socket:
        with pytest.raises(ConnectionClosed):
            await send(socket, lambda: False)
        return socket.close_code or 0, socket.close_reason or ""


def dashboards(stack: RunningStack) -> dict[str, str]:
    signs = [sign for sign in stack.store.health() if sign.service == "dashboard"]
    return {sign.instance: sign.facts["url"] for sign in signs}


def start_dashboard(stack: RunningStack) -> "subprocess.Popen[bytes]":
    own = {"MIEN_RUN_DIR": str(stack.run_dir), "MIEN_REDIS__URL": stack.store.url}
    free = {"MIEN_DASHBOARD__PORT": "0", "MIEN_METRICS__PORT": "0"}
    command = [sys.executable, "-m", "services.dashboard", "--instance", "dashboard-2"]
    return subprocess.Popen(command, env={**os.environ, **own, **free})


def test_an_admin_sees_live_what_the_model_sees_while_clear_is_allowed(
    stack: RunningStack, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "two.png"), np.hstack([astronaut(), astronaut()]))
    stack.store.put_camera("pair", CameraSettings(source=str(tmp_path / "two.png"), fps=4))

    async def scenario() -> tuple[dict[str, Any], np.ndarray]:
        async with connect(address(stack, "pair").split("/ws/")[0] + "/ws") as socket:
            await socket.send(json.dumps({"explain": "pair"}))
            async with asyncio.timeout(SECONDS):
                while isinstance(message := await socket.recv(), str):
                    if stack.store.wanted().blur and json.loads(message)["type"] == "status":
                        stack.store.set_wanted(blur=False)
        start = 4 + int.from_bytes(message[:4], "big")
        return json.loads(message[4:start]), np.frombuffer(message[start:], np.uint8)

    stack.wait_for_result("pair", SECONDS)
    try:
        header, pixels = run(scenario())
    finally:
        stack.store.set_wanted(blur=None)
        stack.store.remove_camera("pair")
    assert (header["type"], header["camera"], header["count"], header["side"]) == ("crops", "pair", 2, 96)
    left, right = pixels.reshape(2, 96 * 96)
    assert left.std() > 20
    assert np.corrcoef(left, right)[0, 1] > 0.8  # the same face twice, its boxes not quite the same


def test_a_change_or_removal_ends_the_sending(stack: RunningStack) -> None:
    stack.store.put_camera("laptop", CameraSettings(source=BROWSER))

    def is_live() -> bool:
        state = stack.store.camera_states().get("laptop")
        return state is not None and state.state == "live"

    async def scenario(change: Callable[[], object]) -> int | None:
        async with connect(address(stack, "laptop")) as socket:
            await send(socket, is_live)  # by then the dashboard has read how the camera is wanted
            change()
            with pytest.raises(ConnectionClosed):
                await send(socket, lambda: False)
            return socket.close_code

    changed = CameraSettings(source=BROWSER, fps=3)
    assert run(scenario(lambda: stack.store.put_camera("laptop", changed))) == 1012
    assert run(scenario(lambda: stack.store.remove_camera("laptop"))) == 1008
