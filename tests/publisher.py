"""Stands for the broker before a real dashboard: publishes whatever is subscribed to."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from shared.broker_bus import BrokerSockets
from shared.config import BusSettings
from tests.fake_stack import preview, result, scene

Scene = Callable[[int], tuple[np.ndarray, list[dict[str, Any]]]]


class Publisher(threading.Thread):
    """Publishes each subscribed camera's picture and result, over and over.

    Args:
        settings: where the broker would listen.
        fps: pictures a second of each camera.
        make: sequence number → picture and faces.
    """

    def __init__(self, settings: BusSettings, fps: float, make: Scene = scene) -> None:
        super().__init__(daemon=True)
        self._settings, self._interval, self._make = settings, 1 / fps, make
        self.topics: set[str] = set()
        self.stopped = threading.Event()

    def run(self) -> None:
        """Publish until stopped."""
        sockets = BrokerSockets(self._settings)
        sequence = 0
        due = time.monotonic()
        while not self.stopped.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval, time.monotonic())
            while change := sockets.receive_subscription():
                (self.topics.add if change[0] else self.topics.discard)(change[1])
            sequence += 1
            picture, faces = self._make(sequence)
            now = time.time_ns()
            for camera in {topic.rpartition("/")[2] for topic in self.topics}:
                sockets.publish(f"preview/blurred/{camera}", preview(camera, sequence, picture, now))
                recorded = json.dumps(result(camera, sequence, faces, now)).encode()
                sockets.publish(f"result/{camera}", recorded)
        sockets.close()
