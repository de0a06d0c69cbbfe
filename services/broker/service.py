"""The broker's loop: sockets in, policy, sockets out; and what metrics and health say of it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from services.broker.policy import Policy
from shared import metrics, topology
from shared.broker_bus import Arrival, BrokerSockets
from shared.codec import decode
from shared.errors import DecodeError
from shared.events import Announce, Received, Send, Subscribed, Tick, Vanished
from shared.messages import HEADERS, Part

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.1
REPORT_SECONDS: Final = 1.0
_BURST: Final = 256
"""Messages taken between two looks at the clock."""


class Broker:
    """Runs the policy over the sockets until it is stopped; `on_tick` is called several times a second."""

    def __init__(self, policy: Policy, sockets: BrokerSockets) -> None:
        self._policy, self._sockets = policy, sockets
        self.on_tick: Callable[[], None] = lambda: None
        self._stop_asked = threading.Event()
        self._report: dict[str, Any] = {}
        self._report_at = 0.0

    @property
    def report(self) -> dict[str, Any]:
        """Facts for the health key: `queues`, `demand`, `peers`, `dropped`."""
        return self._report

    def stop(self) -> None:
        """Ask the loop to end."""
        self._stop_asked.set()

    def run(self) -> None:
        """Work until stopped."""
        tick_at = 0.0
        while not self._stop_asked.is_set():
            work, subscriptions = self._sockets.wait(tick_at - time.monotonic())
            if subscriptions:
                self._take_subscriptions()
            drained = not work or self._take_burst()
            now = time.monotonic()
            if drained and now >= tick_at:
                self._apply(Tick(), now)
                self.on_tick()
                tick_at = now + TICK_SECONDS
                self._report_if_due(now)
        self._sockets.close()

    def _take_subscriptions(self) -> None:
        while (change := self._sockets.receive_subscription()) is not None:
            self._apply(Subscribed(*change), time.monotonic())

    def _take_burst(self) -> bool:
        """Deal with what the work socket holds; True if nothing was left."""
        for _ in range(_BURST):
            arrival = self._sockets.receive()
            if arrival is None:
                return True
            self._on_message(arrival)
        return False

    def _on_message(self, arrival: Arrival) -> None:
        peer, parts, sender = arrival
        try:
            message = decode(parts)
        except DecodeError as error:
            logger.debug("refused a message: %s", error)
            metrics.INVALID.labels(service=topology.BROKER.name, kind=_kind(parts)).inc()
            return
        before = self._policy.invalid
        self._apply(Received(peer, message, parts, time.time_ns(), sender), time.monotonic())
        if self._policy.invalid > before:
            metrics.INVALID.labels(service=topology.BROKER.name, kind=_kind(parts)).inc()

    def _apply(self, event: Received | Vanished | Subscribed | Tick, now: float) -> None:
        """Give an event to the policy and carry out its actions, and what follows from those."""
        actions = deque(self._policy.on(event, now))
        while actions:
            action = actions.popleft()
            if isinstance(action, Announce):
                self._sockets.publish(action.topic, action.payload)
            elif self._fails(action):
                actions.extend(self._policy.on(Vanished(action.peer), now))

    def _fails(self, action: Send) -> bool:
        fault = self._sockets.send(action.peer, action.parts)
        if fault:
            logger.info("a peer is %s: forgotten", fault)
        return fault is not None

    def _report_if_due(self, now: float) -> None:
        if now < self._report_at:
            return
        self._report_at = now + REPORT_SECONDS
        desk = self._policy.desk
        depths = {name: len(queue) for name, queue in desk.queues.items()}
        origins = {name: queue.oldest_origin() for name, queue in desk.queues.items()}
        depths[topology.RESULTS.name] = len(desk.results)
        origins[topology.RESULTS.name] = desk.results.oldest_origin()
        queues = {
            name: {
                "depth": depth,
                "oldest_seconds": round(now - origin, 3) if (origin := origins[name]) is not None else 0.0,
                "arrivals_per_second": round(desk.arrivals[name].per_second(now), 2),
            }
            for name, depth in depths.items()
        }
        workers = {name: len(desk.roster.workers(name)) for name in topology.SERVICES}
        demand = {
            name: round(desk.demand(name, now), 3)
            for name in topology.SERVICES
            if topology.SERVICES[name].queue
        }
        dropped = {reason.value: count for reason, count in desk.dropped.items() if count}
        self._report = {"queues": queues, "demand": demand, "peers": workers, "dropped": dropped}
        _observe(self._report)


def _observe(report: dict[str, Any]) -> None:
    for name, queue in report["queues"].items():
        metrics.QUEUE_DEPTH.labels(queue=name).set(queue["depth"])
        metrics.QUEUE_OLDEST.labels(queue=name).set(queue["oldest_seconds"])
    for name, ratio in report["demand"].items():
        metrics.DEMAND.labels(service=name).set(ratio)
        metrics.WORKERS.labels(service=name).set(report["peers"][name])


def _kind(parts: Sequence[Part]) -> str:
    """Return a bounded label for whatever came: the kinds there are, and one word for all others."""
    kind = bytes(parts[0]) if parts else b""
    return kind.decode() if kind in HEADERS else "unknown"
