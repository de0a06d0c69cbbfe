"""Capture's talk with Redis, in a thread of its own: a slow Redis must not hold up the watchdog."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from shared.config import CameraSettings
from shared.errors import StoreError
from shared.records import CameraState

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5
PUBLISH_SECONDS: Final = 1.0
"""States that only count on are published so often; one that changes, at the next poll."""
HOLD_SECONDS: Final = 4.0
"""Shorter than the 5 s within which a standby must have taken over."""


class GroupStore(Protocol):
    """The part of `shared.store.Store` that capture follows; each may raise StoreError."""

    def hold_group(self, group: str, instance: str, seconds: float) -> bool:
        """Take, or go on holding, the right to capture a group's cameras."""

    def release_group(self, group: str, instance: str) -> None:
        """Give that right back."""

    def cameras(self) -> dict[str, CameraSettings]:
        """Return the wanted cameras."""

    def publish_cameras(self, states: Sequence[CameraState]) -> None:
        """Say how cameras do."""


class Follower:
    """Knows which cameras to run now, and publishes how they do.

    Attributes:
        wanted: all wanted cameras, kept while Redis is away; None while another process reads the group.
        states: to be published; assigned by the parent.

    Args:
        store: Redis.
        group: of cameras.
        instance: this parent's name.
        declare: makes the cameras of the settings wanted, once, when this process begins to read the group;
            may raise StoreError.
    """

    def __init__(
        self, store: GroupStore, group: str, instance: str, declare: Callable[[], object] | None = None
    ) -> None:
        self.wanted: Mapping[str, CameraSettings] | None = None
        self.states: Sequence[CameraState] = ()
        self._store, self._group, self._instance = store, group, instance
        self._declare = declare
        self._is_away = False
        self._stands_by = False
        self._may_hold_at = 0.0
        self._published: Sequence[tuple[str, str, int]] = ()
        self._publish_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def state(self) -> str:
        """What the health key says."""
        if self._is_away:
            return "waiting for redis"
        return "working" if self.wanted is not None else "standing by"

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and let a standby take over at once."""
        self._stop.set()
        self._thread.join(timeout=1.0)
        try:
            self._store.release_group(self._group, self._instance)
        except StoreError:
            logger.debug("the group's holder expires by itself")

    def look(self, now: float) -> None:
        """Ask Redis once (monotonic `now`)."""
        try:
            self._look(now)
            self._is_away = False
        except StoreError as error:
            if not self._is_away:
                logger.warning("%s; keeping the cameras there are", error)
            self._is_away = True
            # Who held the group when Redis went away goes first when it is back, maybe empty.
            self._may_hold_at = now + HOLD_SECONDS if self._stands_by else 0.0

    def _look(self, now: float) -> None:
        cameras = self._store.cameras()
        if now < self._may_hold_at:
            return
        holds = self._store.hold_group(self._group, self._instance, HOLD_SECONDS)
        if holds == self._stands_by:
            logger.info("group %s: %s", self._group, "reading its cameras" if holds else "standing by")
        self._stands_by = not holds
        if holds and self._declare:
            self._declare()
            self._declare = None
            cameras = self._store.cameras()
        self.wanted = cameras if holds else None
        states = self.states if holds else ()
        shown = tuple((state.camera, state.state, state.run) for state in states)
        if shown != self._published or now >= self._publish_at:
            self._store.publish_cameras(states)
            self._published, self._publish_at = shown, now + PUBLISH_SECONDS

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look(time.monotonic())
            self._stop.wait(POLL_SECONDS)
