"""From the broker's feeds to the viewers: pictures meet their results; a slow viewer gets fewer."""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from shared import metrics
from shared.messages import Preview
from shared.topology import preview_topic, result_topic

logger = logging.getLogger(__name__)

KEPT_PICTURES: Final = 12
"""Pictures per camera that wait for their result: 0.4 s at 30 frames/s, more than the pipeline takes."""
UNREAD_SECONDS: Final = 1.0
"""So long without results, and pictures are shown without them."""
MAX_PICTURE_HEADER: Final = 4096


class FeedSource(Protocol):
    """Where the feeds come from; `shared.bus.FeedReader` is one."""

    def subscribe(self, topic: str) -> None:
        """Ask for a topic."""

    def unsubscribe(self, topic: str) -> None:
        """Stop asking for a topic."""

    async def receive(self) -> tuple[str, bytes]:
        """Wait for the next (topic, payload)."""


class FrameKey(Struct, frozen=True):
    """What joins a picture to its result."""

    run: int
    sequence: int


class View(NamedTuple):
    """One frame for a viewer: its result (JSON), its picture (JSON header and JPEG), or both."""

    result: bytes | None
    picture: bytes | None


_decode_key = msgspec.json.Decoder(FrameKey).decode


def picture_key(payload: bytes) -> FrameKey:
    """Return the key of a preview message: 4 bytes big-endian length, JSON header, JPEG.

    Raises:
        ValueError: it is not one.
    """
    length = int.from_bytes(payload[:4], "big")
    if not 2 <= length <= min(MAX_PICTURE_HEADER, len(payload) - 4):
        raise ValueError(f"a preview's header can't have {length} bytes")
    return result_key(payload[4 : 4 + length])


def picture_jpeg(payload: bytes) -> bytes:
    """Return the JPEG of a preview message."""
    return payload[4 + int.from_bytes(payload[:4], "big") :]


def result_key(payload: bytes) -> FrameKey:
    """Return the key of a result's JSON.

    Raises:
        ValueError: it has no run and sequence.
    """
    return _decode_key(payload)  # msgspec's errors are ValueErrors


class CameraFeed:
    """Joins one camera's pictures and results.

    Results come later than pictures, by what classifying and recording take, and not every picture gets one.
    """

    def __init__(self, now: float) -> None:
        self._pictures: OrderedDict[FrameKey, bytes] = OrderedDict()
        self._last_result = now

    def picture(self, payload: bytes, now: float) -> View | None:
        """Keep a picture for its result; return it at once where no results come."""
        if now - self._last_result > UNREAD_SECONDS:
            return View(None, payload)
        self._pictures[picture_key(payload)] = payload
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return None

    def result(self, payload: bytes, now: float) -> View:
        """Return the result with its picture, if that is there; older pictures are let go."""
        self._last_result = now
        key = result_key(payload)
        picture = self._pictures.get(key)
        for old in [kept for kept in self._pictures if (kept.run, kept.sequence) <= (key.run, key.sequence)]:
            del self._pictures[old]
        return View(payload, picture)


class Viewer:
    """One browser: which cameras it watches, and the newest of each that it has not been sent yet."""

    def __init__(self) -> None:
        self.cameras: frozenset[str] = frozenset()
        self._waiting: OrderedDict[str, View | str] = OrderedDict()
        self._filled = asyncio.Event()

    def offer(self, camera: str, view: View) -> None:
        """Put a view in the camera's place; what waited there unsent is dropped."""
        waiting = self._waiting.get(camera)
        if view.picture is None and isinstance(waiting, View) and waiting.picture is not None:
            return
        self._waiting[camera] = view
        self._filled.set()

    def tell(self, kind: str, text: str) -> None:
        """Put a text message in its kind's place; `kind` must be no camera name."""
        self._waiting[kind] = text
        self._filled.set()

    def drop(self, cameras: Iterable[str]) -> None:
        """Forget what waits of these cameras."""
        for camera in cameras:
            self._waiting.pop(camera, None)

    async def next(self) -> View | str:
        """Wait for what has been waiting longest; cameras take turns."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popitem(last=False)[1]


class Hub:
    """Subscribes to what somebody watches, and to nothing else, and gives every viewer its views.

    Args:
        source: the broker's feeds.
        clock: monotonic seconds.
    """

    def __init__(self, source: FeedSource, clock: Callable[[], float] = time.monotonic) -> None:
        self.viewers: set[Viewer] = set()
        self._source, self._clock = source, clock
        self._watchers: Counter[str] = Counter()
        self._feeds: dict[str, CameraFeed] = {}
        self._subscribed: Counter[str] = Counter()
        self._asked: dict[str, set[asyncio.Future[bytes]]] = {}
        self._clear = False

    def join(self) -> Viewer:
        """Admit a viewer, who watches nothing yet."""
        viewer = Viewer()
        self.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Dismiss a viewer."""
        self.watch(viewer, frozenset())
        self.viewers.discard(viewer)

    def watch(self, viewer: Viewer, cameras: frozenset[str]) -> None:
        """Change which cameras a viewer watches."""
        added, removed = cameras - viewer.cameras, viewer.cameras - cameras
        viewer.cameras = cameras
        viewer.drop(removed)
        for camera in added:
            self._watchers[camera] += 1
            if self._watchers[camera] == 1:
                self._open(camera)
        for camera in removed:
            self._watchers[camera] -= 1
            if not self._watchers[camera]:
                del self._watchers[camera]
                self._close(camera)

    def show_clear(self, clear: bool) -> None:
        """Ask for clear pictures, which only detectors that allow them send, or for blurred ones."""
        if clear == self._clear:
            return
        watched = list(self._feeds)
        for camera in watched:
            self._close(camera)
        self._clear = clear
        for viewer in self.viewers:
            viewer.drop(watched)
        for camera in watched:
            self._open(camera)

    async def next_picture(self, camera: str, preview: Preview) -> bytes:
        """Return the camera's next picture as its preview message; it is subscribed to only meanwhile."""
        topic = preview_topic(camera, preview)
        asked = self._asked.setdefault(topic, set())
        picture: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        asked.add(picture)
        self._subscribe(topic)
        try:
            return await picture
        finally:
            asked.discard(picture)
            self._unsubscribe(topic)

    async def run(self) -> None:
        """Relay feeds until cancelled."""
        while True:
            topic, payload = await self._source.receive()
            try:
                self.take(topic, payload)
            except ValueError as error:
                metrics.INVALID.labels(service="dashboard", kind=topic.split("/")[0]).inc()
                logger.warning("%s is not what it should be: %s", topic, error)

    def take(self, topic: str, payload: bytes) -> None:
        """Give one feed message to those who watch its camera.

        Raises:
            ValueError: the payload is not what the topic promises.
        """
        for picture in self._asked.get(topic, ()):
            if not picture.done():
                picture.set_result(payload)
        kind, _, camera = topic.partition("/")
        camera = camera.rpartition("/")[2]
        feed = self._feeds.get(camera)
        if feed is None or topic not in self._topics(camera):
            return
        now = self._clock()
        view = feed.result(payload, now) if kind == "result" else feed.picture(payload, now)
        if view is None:
            return
        for viewer in self.viewers:
            if camera in viewer.cameras:
                viewer.offer(camera, view)

    def _topics(self, camera: str) -> list[str]:
        preview = Preview.CLEAR if self._clear else Preview.BLURRED
        return [result_topic(camera), preview_topic(camera, preview)]

    def _open(self, camera: str) -> None:
        self._feeds[camera] = CameraFeed(self._clock())
        for topic in self._topics(camera):
            self._subscribe(topic)

    def _close(self, camera: str) -> None:
        del self._feeds[camera]
        for topic in self._topics(camera):
            self._unsubscribe(topic)

    def _subscribe(self, topic: str) -> None:
        self._subscribed[topic] += 1
        if self._subscribed[topic] == 1:
            self._source.subscribe(topic)

    def _unsubscribe(self, topic: str) -> None:
        self._subscribed[topic] -= 1
        if not self._subscribed[topic]:
            del self._subscribed[topic]
            self._source.unsubscribe(topic)
