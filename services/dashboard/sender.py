"""Watches the conditions of webhooks and sends what they say; of several dashboards, one does."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from services.dashboard.deliveries import Attempt, Outcome, Targets, deliver
from services.dashboard.watching import Watcher
from shared import metrics, process
from shared.config import Settings, WebhookSettings
from shared.errors import StoreError
from shared.records import WantedWebhook
from shared.store import Store

TICK_SECONDS: Final = 0.5
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
GIVE_UP_SECONDS: Final = 900.0
"""A message that could not be sent for so long is old news."""

logger = logging.getLogger(__name__)


class Head(Struct, frozen=True):
    """What sending needs of a message."""

    id: str
    event: str
    at_ns: int


class Waiting(NamedTuple):
    """A message that is to be tried again."""

    message: bytes
    attempts: int
    due_ns: int


class Courier:
    """Sends each webhook its messages in order, one at a time; a slow one holds up no other.

    Args:
        store: the queues.
        targets: where webhooks may go.
    """

    def __init__(self, store: Store, targets: Targets) -> None:
        self._store, self._targets = store, targets
        self._sending: dict[str, tuple[bytes, Future[Attempt]]] = {}
        self._waiting: dict[str, Waiting] = {}

    def work(self, wanted: Mapping[str, WantedWebhook], now_ns: int) -> None:
        """Settle what has been answered, and begin what is due.

        Raises:
            StoreError: Redis is away; what was not settled is sent again, under the same id.
        """
        for name in [name for name, (_, future) in self._sending.items() if future.done()]:
            message, future = self._sending.pop(name)
            self._settle(name, message, future.result(), now_ns)
        for name in self._waiting.keys() - wanted.keys():
            del self._waiting[name]
        for name, webhook in wanted.items():
            if name not in self._sending and not webhook.settings.paused:
                self._begin(name, webhook.settings, now_ns)

    def _begin(self, name: str, settings: WebhookSettings, now_ns: int) -> None:
        waiting = self._waiting.get(name)
        if waiting and now_ns < waiting.due_ns:
            return
        message = self._store.webhooks.oldest(name)
        if message is None:
            return
        head = msgspec.json.decode(message, type=Head)
        if now_ns - head.at_ns > GIVE_UP_SECONDS * 1e9:
            self._end(name, message, Outcome.EXPIRED)
            return
        self._sending[name] = message, send_aside(settings, message, head, self._targets)

    def _settle(self, name: str, message: bytes, attempt: Attempt, now_ns: int) -> None:
        if attempt.outcome is not Outcome.RETRY:
            self._end(name, message, attempt.outcome)
        else:
            before = self._waiting.get(name)
            attempts = before.attempts + 1 if before and before.message == message else 1
            self._waiting[name] = Waiting(message, attempts, now_ns + int(wait_seconds(attempts) * 1e9))
            metrics.WEBHOOK_RETRIES.inc()
        self._store.webhooks.note_attempt(name, now_ns, attempt.result)

    def _end(self, name: str, message: bytes, outcome: Outcome) -> None:
        self._waiting.pop(name, None)
        self._store.webhooks.settle(name, message, outcome)
        metrics.WEBHOOK_MESSAGES.labels(outcome=outcome).inc()


def send(settings: WebhookSettings, message: bytes, head: Head, targets: Targets) -> Attempt:
    """POST a message once."""
    headers = {"Mien-Event": head.event, "Mien-Delivery": head.id}
    return deliver(settings, message, headers, time.time(), targets)


def send_aside(settings: WebhookSettings, message: bytes, head: Head, targets: Targets) -> "Future[Attempt]":
    """POST a message once in a thread of its own, for which the end of the process does not wait."""
    attempt: Future[Attempt] = Future()

    def run() -> None:
        try:
            attempt.set_result(send(settings, message, head, targets))
        except BaseException as error:
            attempt.set_exception(error)

    threading.Thread(target=run, name="webhook", daemon=True).start()
    return attempt


def wait_seconds(attempts: int) -> float:
    """Return how long to wait after so many failed attempts: each time twice as long, and never the same."""
    ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, 10))
    return ceiling * random.uniform(0.5, 1)


class WebhookSender:
    """A thread that watches and sends while it holds the right to; others wait until it is gone.

    Args:
        store: Redis.
        settings: `webhooks` and `dashboard.webhook_targets` are used.
        instance: this process's name.
        wall_ns: the broker's wall clock, with which frames are stamped.
    """

    def __init__(
        self, store: Store, settings: Settings, instance: str, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._store, self._settings, self._wall_ns = store, settings, wall_ns
        self._holder = f"{instance} {process.host_id()} {os.getpid()} {threading.get_ident()}"
        self._courier = Courier(store, settings.dashboard.webhook_targets)
        self._watcher: Watcher | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._is_away = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let another dashboard go on at once."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.wait(TICK_SECONDS):
                self._try_tick()
            self._store.webhooks.release_sender(self._holder)
        except StoreError:
            pass  # the right ends by itself
        except BaseException:
            logger.critical("webhooks can't go on", exc_info=True)
            os._exit(1)  # half a dashboard would look like a whole one

    def _try_tick(self) -> None:
        try:
            self._tick(self._wall_ns())
            self._is_away = False
        except StoreError as error:
            if not self._is_away:
                logger.warning("webhooks wait: %s", error)
            self._is_away = True

    def _tick(self, now_ns: int) -> None:
        if not self._store.webhooks.hold_sender(self._holder):
            self._watcher = None
            return
        if self._watcher is None:
            self._store.webhooks.replace_config(self._settings.webhooks)
            self._watcher = Watcher(self._store)
        wanted = self._store.webhooks.wanted()
        self._watcher.look(wanted, now_ns)
        self._courier.work(wanted, now_ns)
