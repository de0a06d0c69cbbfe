"""From the broker's feeds to the viewers: pictures meet their results, and go to those who watch."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from services.dashboard.camera_feed import CameraFeed, picture_key
from services.dashboard.viewers import View, Viewer
from shared import metrics
from shared.messages import Preview
from shared.topology import crop_topic, preview_topic, result_topic

logger = logging.getLogger(__name__)

CROPS: Final = "#crops"
"""Place of the crops among a viewer's waiting messages; no camera is called so."""

FeedKey = tuple[str, Preview]
"""A camera, and how its pictures are shown."""


class FeedSource(Protocol):
    """Where the feeds come from; `shared.bus.FeedReader` is one."""

    def subscribe(self, topic: str) -> None:
        """Ask for a topic."""

    def unsubscribe(self, topic: str) -> None:
        """Stop asking for a topic."""

    async def receive(self) -> tuple[str, bytes]:
        """Wait for the next (topic, payload)."""


class Hub:
    """Subscribes to what somebody watches, and to nothing else, and gives every viewer its views.

    Pictures are blurred, except for viewers who may see them clear and ask for that, while it is allowed.

    Args:
        source: the broker's feeds.
        clock: monotonic seconds.
    """

    def __init__(self, source: FeedSource, clock: Callable[[], float] = time.monotonic) -> None:
        self.viewers: set[Viewer] = set()
        self._source, self._clock = source, clock
        self._watchers: Counter[FeedKey] = Counter()
        self._feeds: dict[FeedKey, CameraFeed] = {}
        self._subscribed: Counter[str] = Counter()
        self._asked: dict[str, set[asyncio.Future[bytes]]] = {}
        self._clear_allowed = False

    def join(self, may_see_clear: bool = False) -> Viewer:
        """Admit a viewer, who watches nothing yet."""
        viewer = Viewer(may_see_clear)
        self.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Dismiss a viewer."""
        self.watch(viewer, frozenset())
        self.explain(viewer, None)
        self.viewers.discard(viewer)

    def watch(self, viewer: Viewer, cameras: frozenset[str]) -> None:
        """Change which cameras a viewer watches."""
        self._change(viewer, cameras, viewer.preview)

    def ask_clear(self, viewer: Viewer, clear: bool) -> None:
        """Note whether a viewer would have clear pictures; it gets them where it may."""
        viewer.wants_clear = clear
        self._change(viewer, viewer.cameras, self._preview_for(viewer))

    def explain(self, viewer: Viewer, camera: str | None) -> None:
        """Note whose faces a viewer would see as the model does; it gets them where clear is allowed."""
        viewer.wants_crops_of = camera
        self._follow_crops(viewer)

    def allow_clear(self, allowed: bool) -> None:
        """Note whether anybody may get clear pictures: detectors that do not allow them send none."""
        if allowed == self._clear_allowed:
            return
        self._clear_allowed = allowed
        for viewer in self.viewers:
            self._change(viewer, viewer.cameras, self._preview_for(viewer))
            self._follow_crops(viewer)

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
        camera, now = topic.rpartition("/")[2], self._clock()
        if topic == crop_topic(camera):
            self._offer_crops(camera, payload)
        for preview in Preview:
            feed = self._feeds.get((camera, preview))
            if feed is None:
                continue
            if topic == result_topic(camera):
                self._offer(camera, preview, feed.result(payload, now))
            elif topic == preview_topic(camera, preview) and (view := feed.picture(payload, now)):
                self._offer(camera, preview, view)

    def _offer(self, camera: str, preview: Preview, view: View) -> None:
        for viewer in self.viewers:
            if viewer.preview is preview and camera in viewer.cameras:
                viewer.offer(camera, view)

    def _offer_crops(self, camera: str, payload: bytes) -> None:
        picture_key(payload)  # refuses what has no header
        for viewer in self.viewers:
            if viewer.crops_of == camera:
                viewer.offer(CROPS, View(None, payload))

    def _follow_crops(self, viewer: Viewer) -> None:
        may = self._clear_allowed and viewer.may_see_clear
        before, viewer.crops_of = viewer.crops_of, viewer.wants_crops_of if may else None
        if viewer.crops_of == before:
            return
        viewer.drop([CROPS])
        if viewer.crops_of is not None:
            self._subscribe(crop_topic(viewer.crops_of))
        if before is not None:
            self._unsubscribe(crop_topic(before))

    def _preview_for(self, viewer: Viewer) -> Preview:
        clear = self._clear_allowed and viewer.may_see_clear and viewer.wants_clear
        return Preview.CLEAR if clear else Preview.BLURRED

    def _change(self, viewer: Viewer, cameras: frozenset[str], preview: Preview) -> None:
        before = {(camera, viewer.preview) for camera in viewer.cameras}
        after = {(camera, preview) for camera in cameras}
        viewer.cameras, viewer.preview = cameras, preview
        viewer.drop(camera for camera, _ in before - after)
        for key in after - before:
            self._watchers[key] += 1
            if self._watchers[key] == 1:
                self._open(key)
        for key in before - after:
            self._watchers[key] -= 1
            if not self._watchers[key]:
                del self._watchers[key]
                self._close(key)

    def _open(self, key: FeedKey) -> None:
        self._feeds[key] = CameraFeed(self._clock())
        for topic in _topics(key):
            self._subscribe(topic)

    def _close(self, key: FeedKey) -> None:
        del self._feeds[key]
        for topic in _topics(key):
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


def _topics(key: FeedKey) -> tuple[str, str]:
    return result_topic(key[0]), preview_topic(*key)
