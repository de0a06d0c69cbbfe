"""One browser: what it watches, and the newest of each camera that it has not been sent yet."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from services.dashboard.pace import Pace
from shared.messages import Preview


class View(NamedTuple):
    """One frame for a viewer: its result (JSON), its picture (JSON header and JPEG), or both."""

    result: bytes | None
    picture: bytes | None


class Viewer:
    """A slow browser gets fewer frames: of each camera only the newest waits, and pictures keep its pace.

    Args:
        may_see_clear: whether its role allows it to ask for pictures that are not blurred.
    """

    def __init__(self, may_see_clear: bool = False) -> None:
        self.cameras: frozenset[str] = frozenset()
        self.preview = Preview.BLURRED
        self.may_see_clear = may_see_clear
        self.wants_clear = False
        self.wants_crops_of: str | None = None
        self.crops_of: str | None = None
        """The camera whose crops it gets: as it wants, while that is allowed."""
        self._waiting: OrderedDict[str, View | str] = OrderedDict()
        self._pace = Pace()
        self._changed = asyncio.Event()

    def offer(self, camera: str, view: View) -> None:
        """Put a view in the camera's place; what waited there unsent is dropped."""
        waiting = self._waiting.get(camera)
        if view.picture is None and isinstance(waiting, View) and waiting.picture is not None:
            return
        self._waiting[camera] = view
        self._changed.set()

    def tell(self, kind: str, text: str) -> None:
        """Put a text message in its kind's place; `kind` must be no camera name."""
        self._waiting[kind] = text
        self._changed.set()

    def drop(self, cameras: Iterable[str]) -> None:
        """Forget what waits of these cameras."""
        for camera in cameras:
            self._waiting.pop(camera, None)

    def taken(self, pictures: int) -> None:
        """Note how many pictures the browser says it has taken since it came."""
        self._pace.taken(pictures)
        self._changed.set()

    async def next(self) -> View | str:
        """Wait for what has been waiting longest and may go; cameras take turns."""
        while (place := self._next_place()) is None:
            self._changed.clear()
            await self._changed.wait()
        message = self._waiting.pop(place)
        if _has_picture(message):
            self._pace.sent()
        return message

    def _next_place(self) -> str | None:
        if self._pace.may_send:
            return next(iter(self._waiting), None)
        return next((place for place, waiting in self._waiting.items() if not _has_picture(waiting)), None)


def _has_picture(message: View | str) -> bool:
    return isinstance(message, View) and message.picture is not None
