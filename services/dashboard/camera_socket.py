"""`/ws/camera/NAME`: a browser's camera as a source. Each binary message is one JPEG.

The close code says what follows: 1008, the browser must not try again by itself; any other, it may. The
reason is for a person.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, NamedTuple, TypeVar

from fastapi import APIRouter, WebSocket

from services.dashboard import audit
from services.dashboard.access import NEED_ADMIN, get_access
from services.dashboard.api import CameraPath
from services.dashboard.pushed_camera import PushedCamera, StateKeeper
from services.dashboard.roles import identity_of
from shared.config import BROWSER, CameraSettings, Settings
from shared.errors import DecodeError, StoreError
from shared.records import CameraState
from shared.store import Store
from shared.vision.jpeg import jpeg_size

MAX_PICTURE_BYTES: Final = 1024 * 1024
MAX_SIDE: Final = 4096
BUSY_SECONDS: Final = 2.0
"""A browser that has sent nothing for so long makes way for another one."""
LOOK_SECONDS: Final = 1.0
MAX_REASON_BYTES: Final = 120
"""A close frame holds 123."""
FOR_GOOD: Final = 1008
RESTART: Final = 1012
LATER: Final = 1013

T = TypeVar("T")
router = APIRouter()


class Ending(NamedTuple):
    """Why a connection ends: a WebSocket close code, and a sentence; code 0: the browser went by itself."""

    code: int
    reason: str


class Sender:
    """One browser that sends a camera's pictures."""

    def __init__(self) -> None:
        self.pushed_at = time.monotonic()
        self.replaced = asyncio.Event()
        self.gone = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether pictures came lately."""
        return time.monotonic() - self.pushed_at < BUSY_SECONDS


class Senders:
    """All browsers that send pictures to this dashboard, one a camera.

    Args:
        store: where the wanted cameras are, and where states go.
        settings: the tree; the processes that take the pictures read the same.
        instance: this dashboard's name.
    """

    def __init__(self, store: Store, settings: Settings, instance: str) -> None:
        self._store, self._settings, self._instance = store, settings, instance
        self._senders: dict[str, Sender] = {}

    async def serve(self, socket: WebSocket, name: str) -> None:
        """Take pictures from a browser until it goes, or may no longer send."""
        await socket.accept()
        ending = await self._serve(socket, name)
        if ending.code:
            reason = ending.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            with contextlib.suppress(RuntimeError):  # it has gone meanwhile
                await socket.close(ending.code, reason)

    async def _serve(self, socket: WebSocket, name: str) -> Ending:
        try:
            camera, before = await asyncio.to_thread(self._read, name)
        except StoreError as error:
            return Ending(LATER, str(error))
        if refused := _refusal(name, camera):
            return Ending(FOR_GOOD, refused)
        assert camera is not None
        while (other := self._senders.get(name)) is not None:
            if other.is_busy:
                return Ending(FOR_GOOD, f"another page sends the pictures of camera {name}")
            other.replaced.set()
            await other.gone.wait()
        sender = self._senders[name] = Sender()
        try:
            return await self._relay(socket, name, camera, before, sender)
        finally:
            del self._senders[name]
            sender.gone.set()

    def _read(self, name: str) -> tuple[CameraSettings | None, CameraState | None]:
        return self._store.cameras().get(name), self._store.camera_states().get(name)

    async def _relay(
        self, socket: WebSocket, name: str, camera: CameraSettings, before: CameraState | None, sender: Sender
    ) -> Ending:
        first = await _while_logged_in(socket, self._receive(socket))
        if isinstance(first, Ending):
            return first
        await asyncio.to_thread(audit.record, socket, "camera.send", name)
        after_run = before.run if before else 0
        try:
            process = await PushedCamera.start(name, camera, self._settings, self._instance, after_run)
        except OSError as error:
            return Ending(LATER, f"its capture process can't be started: {error.strerror}")
        keeper = StateKeeper(name, before, self._store, self._instance)
        try:
            ending = await _first(
                _while_logged_in(socket, self._push(socket, process, sender, first)),
                _hear(process, keeper),
                self._follow(name, camera),
                _make_way(name, sender),
            )
        finally:
            await process.stop()
        await keeper.lose(ending.reason)
        return ending

    async def _push(self, socket: WebSocket, process: PushedCamera, sender: Sender, picture: bytes) -> Ending:
        """Hand on this picture and each that follows; a browser that is not read from sends fewer."""
        received: bytes | Ending = picture
        while not isinstance(received, Ending):
            sender.pushed_at = time.monotonic()
            try:
                await process.push(received)
            except ConnectionError:
                await asyncio.Event().wait()  # its last words say why
            received = await self._receive(socket)
        return received

    async def _receive(self, socket: WebSocket) -> bytes | Ending:
        """Return the next picture, or why there is none."""
        patience = self._settings.capture.read_timeout
        try:
            async with asyncio.timeout(patience):
                message = await socket.receive()
        except TimeoutError:
            return Ending(LATER, f"no picture for {patience:g} s")
        if message["type"] == "websocket.disconnect":
            return Ending(0, "the browser has stopped sending")
        jpeg: bytes = message.get("bytes") or b""
        wrong = wrong_with(jpeg)
        return Ending(FOR_GOOD, wrong) if wrong else jpeg

    async def _follow(self, name: str, camera: CameraSettings) -> Ending:
        """Wait until the camera is wanted no more, or in another way."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                now, _ = await asyncio.to_thread(self._read, name)
            except StoreError:
                continue
            if refused := _refusal(name, now):
                return Ending(FOR_GOOD, refused)
            if now != camera:
                return Ending(RESTART, f"camera {name} was changed: connect again")


def wrong_with(jpeg: bytes) -> str:
    """Return why a message is not taken as a picture; empty: it is one."""
    if len(jpeg) > MAX_PICTURE_BYTES:
        return f"a picture of {len(jpeg)} bytes is too large: {MAX_PICTURE_BYTES} are allowed"
    try:
        width, height = jpeg_size(jpeg)
    except DecodeError as error:
        return f"{error}: send JPEGs"
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return f"a picture of {width}x{height} pixels: at most {MAX_SIDE} a side are allowed"
    return ""


def _refusal(name: str, camera: CameraSettings | None) -> str:
    if camera is None:
        return f"there is no camera {name}: add it with the source {BROWSER}"
    if camera.source != BROWSER:
        return f"camera {name} has a source of its own: change that to {BROWSER} first"
    return f"camera {name} is paused" if camera.paused else ""


async def _hear(process: PushedCamera, keeper: StateKeeper) -> Ending:
    """Follow what the process says to its end."""
    detail = ""
    async for report in process.reports():
        detail = report.detail
        await keeper.hear(report)
    return Ending(LATER, detail or "the process that takes the pictures has ended; it starts again")


async def _make_way(name: str, sender: Sender) -> Ending:
    await sender.replaced.wait()
    return Ending(FOR_GOOD, f"another page sends the pictures of camera {name} now")


async def _while_logged_in(socket: WebSocket, part: Awaitable[T]) -> T | Ending:
    """Return what something gives, or that the login has ended before it did."""
    identity = identity_of(socket)
    assert identity is not None  # who is nobody does not come so far
    try:
        async with get_access(socket).logins.serving(identity):
            return await part
    except TimeoutError:
        return Ending(FOR_GOOD, "the login has ended")


async def _first(*parts: Coroutine[Any, Any, Ending]) -> Ending:
    """Run all until one ends; return its result, when the others are gone, too."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return next(task for task in tasks if task in done).result()


@router.websocket("/ws/camera/{name}", dependencies=[NEED_ADMIN])
async def camera_pictures(socket: WebSocket, name: CameraPath) -> None:
    """Take a browser camera's pictures."""
    senders: Senders = socket.app.state.senders
    await senders.serve(socket, name)
