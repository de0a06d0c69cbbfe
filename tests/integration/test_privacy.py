"""A real stack with a login: who sees faces, and that tokens and camera passwords show up nowhere."""

import asyncio
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.media import packaged
from tests.running_stack import RunningStack
from tests.waiting import wait_for

ADMIN, VIEWER = "admin-token-0123456789", "viewer-token-0123456789"
PASSWORD = "s3cret-of-the-camera"
CAMERA: Final = "demo-astronaut"
PATIENCE_SECONDS: Final = 150.0
BLURRED, CLEAR = 3.0, 8.0
"""Fine structure of the astronaut's face, in grey levels: less than the one, more than the other."""


class Stack(NamedTuple):
    """The running stack, and its dashboard's address."""

    running: RunningStack
    url: str

    def ask(self, method: str, path: str, token: str, body: object = None) -> tuple[int, str]:
        """Return status and text of an answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, method=method)
        request.add_header("authorization", f"Bearer {token}")
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def watch(self, token: str) -> connect:
        """Return the WebSocket of one who looks."""
        headers = {"authorization": f"Bearer {token}"}
        return connect(f"{self.url.replace('http', 'ws')}ws", additional_headers=headers, max_size=None)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The demo with tokens, whose detector would let clear pictures out."""
    packaged("skimage", "data/astronaut.png")
    tokens = {"MIEN_DASHBOARD__ADMIN_TOKEN": ADMIN, "MIEN_DASHBOARD__VIEWER_TOKEN": VIEWER}
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as folder,
        RunningStack(
            Path(folder), "--detection-width", "320", "--classifiers", "1",
            MIEN_DETECTOR__PREVIEW="clear", **tokens,
        ) as running,
    ):  # fmt: skip
        running.wait_for_result(CAMERA, PATIENCE_SECONDS)
        running.wait_until("dashboard", 1, PATIENCE_SECONDS)
        yield Stack(running, str(running.record()["dashboard"]).rstrip("/") + "/")


def face_detail(picture: bytes, result: dict[str, Any]) -> float:
    """Return the mean fine structure within the face of a picture's result, in grey levels."""
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    scale = shown.shape[1] / result["width"]
    x, y, width, height = (round(value * scale) for value in result["faces"][0]["box"])
    face = shown[max(0, y) : y + height, max(0, x) : x + width]
    return float(np.abs(face.astype(float) - cv2.GaussianBlur(face, (0, 0), 5)).mean())


async def details(socket: ClientConnection) -> "asyncio.Queue[float]":
    """Read on and on, and give the fine structure of the face in each picture that comes with its result."""
    found: asyncio.Queue[float] = asyncio.Queue()

    async def read() -> None:
        last: dict[str, Any] = {}
        async for message in socket:
            if isinstance(message, str):
                last = json.loads(message).get("result", last)
            elif last.get("faces"):
                found.put_nowait(face_detail(message[4 + int.from_bytes(message[:4], "big") :], last))

    socket.reader = asyncio.create_task(read())  # type: ignore[attr-defined]
    return found


async def until(seen: "asyncio.Queue[float]", clear: bool) -> None:
    """Wait for a picture of this kind."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await seen.get() > CLEAR) is not clear:
            pass


def set_blur(stack: Stack, blur: bool | None) -> None:
    assert stack.ask("PATCH", "api/settings", ADMIN, {"blur": blur})[0] == 200


def test_viewers_get_blurred_faces_only_and_admins_clear_ones_only_while_allowed(stack: Stack) -> None:
    async def scenario() -> list[float]:
        async with stack.watch(VIEWER) as viewer, stack.watch(ADMIN) as admin:
            seen, shown = await details(viewer), await details(admin)
            for socket in (viewer, admin):
                await socket.send(json.dumps({"watch": [CAMERA], "clear": True}))
            await until(shown, clear=False)
            await asyncio.to_thread(set_blur, stack, False)
            await until(shown, clear=True)
            while not seen.empty():
                seen.get_nowait()
            both = [await asyncio.wait_for(seen.get(), PATIENCE_SECONDS) for _ in range(5)]
            await asyncio.to_thread(set_blur, stack, None)
            await until(shown, clear=False)
            return both

    blurred = asyncio.run(scenario())
    assert max(blurred) < BLURRED


def test_nothing_is_shown_or_changed_without_leave(stack: Stack) -> None:
    assert stack.ask("GET", "api/cameras", "a-wrong-token-0123456789")[0] == 401
    assert stack.ask("GET", "api/cameras", VIEWER)[0] == 200
    assert stack.ask("DELETE", f"api/cameras/{CAMERA}", VIEWER)[0] == 403
    assert stack.ask("PATCH", "api/settings", VIEWER, {"blur": False})[0] == 403
    assert CAMERA in stack.running.store.cameras()


def test_tokens_and_camera_passwords_show_up_nowhere(stack: Stack) -> None:
    source = f"rtsp://me:{PASSWORD}@127.0.0.1:9/stream"
    answers = [stack.ask("POST", "api/cameras", ADMIN, {"name": "door", "source": source})[1]]
    states = stack.running.store.camera_states
    wait_for(lambda: "door" in states() and states()["door"].detail, "the camera's failure", PATIENCE_SECONDS)
    for path in ("cameras", "status", "settings", "audit", "system", "prometheus-targets", "session"):
        status, text = stack.ask("GET", f"api/{path}", ADMIN)
        assert status == 200, path
        answers.append(text)
    answers.append(stack.ask("POST", "api/cameras", ADMIN, {"name": "door", "source": source})[1])
    answers.append(stack.ask("PATCH", "api/cameras/door", ADMIN, {"source": source, "fps": -1})[1])
    answers.append(stack.ask("POST", "api/cameras/test", ADMIN, {"source": source})[1])
    logs = [path.read_text() for path in (stack.running.run_dir / "logs").iterdir() if path.is_file()]
    for text in (*answers, *logs, stack.running.text(), (stack.running.run_dir / "stack.json").read_text()):
        for secret in (PASSWORD, ADMIN, VIEWER):
            assert secret not in text
    assert "rtsp://127.0.0.1:9/stream" in "".join(answers)
