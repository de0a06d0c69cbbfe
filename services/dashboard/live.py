"""One WebSocket per browser: it says what it watches, and gets pictures, results and the stack's status.

Client → server, text, any of: `{"watch": ["door", "desk"]}` (all that it watches from now on);
`{"clear": true}` (an admin would have pictures whose faces are not blurred);
`{"explain": "door"}` (an admin would see what the model sees of that camera's faces; null: no more);
`{"taken": 42}` (so many pictures it has taken since it came: who says so is sent no more than it takes);
`{"glass": {"sent_ms": …, "seconds": {"door": [0.12]}}}` (ages of the frames it has drawn, see glass.py).
Server → client, text: `{"type": "hello", "role": …}` once, `{"type": "status", "status": {…}, "clear": …}`
(whether pictures may be clear, for an admin who would) or `{"type": "status", "error": "…"}` every second,
`{"type": "result", "result": {…}}` with each recorded frame, `{"type": "glass", …}` in answer to a `glass`;
binary: a picture, as the detector published it (4 bytes big-endian length, JSON header, JPEG). A result comes
before its picture. A slow client gets fewer frames, never older ones. Crops are binary in the same form:
the header is `{"type": "crops", "camera": …, "run": …, "sequence": …, "count": 2, "side": 96}`, behind it are
count x 96 x 96 grey bytes in the order of that frame's faces; only while clear pictures are allowed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from fastapi import WebSocket, WebSocketDisconnect
from msgspec import UNSET, Meta, Struct, UnsetType

from services.dashboard.feeds import Hub
from services.dashboard.glass import GlassMeter, GlassReport
from services.dashboard.logins import Logins
from services.dashboard.roles import Role, identity_of
from services.dashboard.viewers import View, Viewer
from shared.errors import StoreError
from shared.messages import CameraName, Count, Preview
from shared.status import Status
from shared.topology import DETECTOR, MAX_CAMERAS

logger = logging.getLogger(__name__)

STATUS_SECONDS: Final = 1.0
MAX_WISH_LENGTH: Final = 16 * 1024
MAX_VIEWERS: Final = 256
_STATUS: Final = "#status"
"""Place of the status among a viewer's waiting messages; no camera is called so."""


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may say; what it leaves out stays as it was."""

    watch: Annotated[frozenset[CameraName], Meta(max_length=MAX_CAMERAS)] | UnsetType = UNSET
    clear: bool | UnsetType = UNSET
    explain: CameraName | UnsetType | None = UNSET
    taken: Count | UnsetType = UNSET
    glass: GlassReport | UnsetType = UNSET


class Announcer:
    """Reads the status once a second while somebody looks, and tells it to all viewers.

    Args:
        read: reads the status; may raise StoreError.
        hub: the viewers.
        objective_seconds: end-to-end latency that is still good.
        glass: counts what browsers report.
    """

    def __init__(
        self, read: Callable[[], Status], hub: Hub, objective_seconds: float, glass: GlassMeter
    ) -> None:
        self.glass = glass
        self._read_status, self._hub = read, hub
        self._objective_seconds = objective_seconds
        self._text = ""
        self._read_at = 0.0
        self._somebody = asyncio.Event()

    def greet(self, viewer: Viewer) -> None:
        """Tell a new viewer what is known."""
        role = Role.ADMIN if viewer.may_see_clear else Role.VIEWER
        greeting = {"type": "hello", "role": role, "objective_seconds": self._objective_seconds}
        viewer.tell("#hello", msgspec.json.encode(greeting).decode())
        if time.monotonic() - self._read_at < 2 * STATUS_SECONDS:
            viewer.tell(_STATUS, self._text)
        self._somebody.set()

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            if not self._hub.viewers:
                self._somebody.clear()
                await self._somebody.wait()
            status = await asyncio.to_thread(self._read)
            self._read_at = time.monotonic()
            self._take(status)
            for viewer in self._hub.viewers:
                viewer.tell(_STATUS, self._text)
            await asyncio.sleep(STATUS_SECONDS)

    def _read(self) -> Status | StoreError:
        try:
            return self._read_status()
        except StoreError as error:
            return error

    def _take(self, status: Status | StoreError) -> None:
        """Follow the status; without one, pictures are not shown clear."""
        clear = isinstance(status, Status) and may_be_clear(status)
        if isinstance(status, StoreError):
            message: dict[str, object] = {"type": "status", "error": str(status)}
        else:
            message = {"type": "status", "status": status, "clear": clear}
            self.glass.know(frozenset(camera.camera for camera in status.cameras))
        self._text = msgspec.json.encode(message).decode()
        self._hub.allow_clear(clear)


def may_be_clear(status: Status) -> bool:
    """Say whether pictures may be shown clear: the user wants it, and each detector's own setting allows it.

    A detector that does not would send nothing.
    """
    detectors = [worker for worker in status.workers if worker.service == DETECTOR.name]
    allowed = all(detector.facts.get("preview") == Preview.CLEAR for detector in detectors)
    return not status.blur and bool(detectors) and allowed


async def serve_viewer(socket: WebSocket, hub: Hub, announcer: Announcer, logins: Logins) -> None:
    """Serve one browser until it goes, says something malformed, or its login ends."""
    identity = identity_of(socket)
    if identity is None:
        await socket.close(1008, "log in first")
        return
    if len(hub.viewers) >= MAX_VIEWERS:
        await socket.close(1013, "too many are watching")
        return
    await socket.accept()
    viewer = hub.join(may_see_clear=identity.role is Role.ADMIN)
    announcer.greet(viewer)
    talking = asyncio.create_task(_talk(socket, viewer))
    try:
        async with logins.serving(identity):
            refusal = await _listen(socket, hub, viewer, announcer.glass)
    except TimeoutError:
        refusal = "the login has ended"
    finally:
        talking.cancel()
    if refusal:
        await socket.close(1008, refusal[:120])


def _read_wish(text: str) -> Wish:
    """Return what a client said.

    Raises:
        ValueError: it is not that.
    """
    if len(text) > MAX_WISH_LENGTH:
        raise ValueError(f"{len(text)} characters, {MAX_WISH_LENGTH} are allowed")
    return msgspec.json.decode(text, type=Wish)


async def _listen(socket: WebSocket, hub: Hub, viewer: Viewer, glass: GlassMeter) -> str:
    """Follow what the browser watches until it goes; return what is wrong with its last message, or `""`."""
    try:
        while True:
            wish = _read_wish(await socket.receive_text())
            if isinstance(wish.watch, frozenset):
                hub.watch(viewer, wish.watch)
            if isinstance(wish.clear, bool):
                hub.ask_clear(viewer, wish.clear)
            if not isinstance(wish.explain, UnsetType):
                hub.explain(viewer, wish.explain)
            if isinstance(wish.taken, int):
                viewer.taken(wish.taken)
            if isinstance(wish.glass, GlassReport):
                viewer.tell("#glass", glass.take(wish.glass))
    except WebSocketDisconnect:
        return ""
    except (ValueError, KeyError) as error:  # KeyError: a binary message
        return f"not understood: {error}"
    finally:
        hub.leave(viewer)


async def _talk(socket: WebSocket, viewer: Viewer) -> None:
    """Send what waits, as fast as the browser takes it, until it is gone."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await _send(socket, await viewer.next())


async def _send(socket: WebSocket, message: View | str) -> None:
    if isinstance(message, str):
        await socket.send_text(message)
        return
    if message.result is not None:
        await socket.send_text('{"type":"result","result":' + message.result.decode() + "}")
    if message.picture is not None:
        await socket.send_bytes(message.picture)
