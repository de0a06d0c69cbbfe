"""What Redis says of the running stack: what is wanted, who is well, and when the first result came."""

import time
from collections.abc import Mapping

from shared.records import CameraState, Health, Wanted
from shared.store import Store


class Observer:
    """Reads the store now and then; what it last read stays, so the supervisor goes on while Redis is away.

    Attributes:
        wanted: what the user asked for.
        health: instance → its last sign of life.
        cameras: wanted camera → how it does, None if no capture process has said so yet.
        first_result: (camera, seconds after our start) of the first result since then.
    """

    def __init__(self, store: Store) -> None:
        self.wanted = Wanted()
        self.health: Mapping[str, Health] = {}
        self.cameras: Mapping[str, CameraState | None] = {}
        self.first_result: tuple[str, float] | None = None
        self._store = store
        self._started = time.monotonic()
        self._started_ns = time.time_ns()

    def poll(self) -> None:
        """Read again.

        Raises:
            StoreError: Redis is away.
        """
        self.wanted = self._store.wanted()
        self.health = {sign.instance: sign for sign in self._store.health()}
        states = self._store.camera_states()
        self.cameras = {name: states.get(name) for name in self._store.cameras()}
        if self.first_result is None:
            self.first_result = self._find_first_result()

    def _find_first_result(self) -> tuple[str, float] | None:
        for camera in self.cameras:
            latest = self._store.latest(camera)
            if latest and latest["captured_ns"] >= self._started_ns:
                return camera, time.monotonic() - self._started
        return None
