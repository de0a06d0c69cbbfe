"""Two threads that tell broker and Redis that a process lives; the beats measure its clock, too."""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Final

import psutil

from shared import metrics, process
from shared.bus import BeatSocket
from shared.config import Settings
from shared.errors import StoreError
from shared.messages import Beat, BeatAck, Who
from shared.store import Health, Store

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.0
HEALTH_TURNS: Final = 2
"""Health is published with every second turn of the chores: it lives 5 s."""
EXIT_HUNG: Final = 75
_WATCHDOG_SECONDS: Final = 10.0
"""A C call that keeps the interpreter lock starves the beat thread; then a C-level timer ends the process."""
_WATCHDOG_BEATS: Final = 2
"""Arming the timer starts a native thread: every second beat will do."""


class Beats:
    """A thread that beats to the broker, and one that publishes health and does chores once a second.

    What asks Redis has its own: no server or resolver, however slow, holds up a beat or the watchdog.

    Args:
        settings: the tree.
        service: as in the topology.
        instance: this process's name.
        store: where health goes.
        facts: gives the beat's own fields (`captured`, `redis_down`).
        health: gives the facts of the health key and its `state`.
        chores: called in order, until one raises StoreError, which is logged once.
        on_who: called when the broker does not know this instance.
        metrics_port: where this process serves `/metrics`, for the health key.
        beating: False for the broker itself, which has nobody to beat to.
    """

    def __init__(
        self,
        settings: Settings,
        service: str,
        instance: str,
        store: Store,
        facts: Callable[[], Mapping[str, Any]] = dict,
        health: Callable[[], tuple[str, Mapping[str, Any]]] = lambda: ("working", {}),
        chores: Sequence[Callable[[], None]] = (),
        on_who: Callable[[], None] = lambda: None,
        metrics_port: int = 0,
        beating: bool = True,
    ) -> None:
        self.offset_ns = 0
        self.step_started = 0.0
        """Monotonic time at which the current step began; 0 between steps."""
        self._settings, self._service, self._instance = settings, service, instance
        self._store, self._facts, self._health = store, facts, health
        self._chores, self._on_who, self._metrics_port = chores, on_who, metrics_port
        self._beating = beating
        self._sent_ns, self._sent_at = 0, 0.0
        """When the last beat was sent, on the wall clock and on the monotonic one."""
        self._best_round_trip = inf
        self._started_ns = time.time_ns()
        self._complained: set[str] = set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("beats", self._run_beats), ("chores", self._run_chores))
        ]

    def start(self) -> None:
        """Begin to beat."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads at their next turn; they do not keep the process from ending."""
        self._stop.set()

    def _run_beats(self) -> None:
        socket = BeatSocket(self._settings.bus) if self._beating else None
        beats = 0
        while not self._stop.is_set():
            due = time.monotonic() + BEAT_SECONDS
            if beats % _WATCHDOG_BEATS == 0:
                faulthandler.dump_traceback_later(_WATCHDOG_SECONDS, exit=True)
            if socket:
                self._beat(socket)
                self._listen(socket, due)
            else:
                self._wait_until(due)
            beats += 1
        faulthandler.cancel_dump_traceback_later()
        if socket:
            socket.close()

    def _run_chores(self) -> None:
        turns = 0
        while not self._stop.is_set():
            due = time.monotonic() + BEAT_SECONDS
            self._do_chores(with_health=turns % HEALTH_TURNS == 0)
            self._wait_until(due)
            turns += 1

    def _wait_until(self, due: float) -> None:
        self._stop.wait(max(0.0, due - time.monotonic()))

    def _beat(self, socket: BeatSocket) -> None:
        age = self._step_age()
        if age > self._settings.frames.lease:
            logger.error("a step has run for %.1f s, longer than the lease: ending this process", age)
            os._exit(EXIT_HUNG)
        self._sent_ns, self._sent_at = time.time_ns(), time.monotonic()
        socket.send(
            Beat(
                service=self._service,
                instance=self._instance,
                sent_ns=self._sent_ns,
                step_age_ns=int(age * 1e9),
                **self._facts(),
            )
        )

    def _step_age(self) -> float:
        started = self.step_started
        return time.monotonic() - started if started else 0.0

    def _listen(self, socket: BeatSocket, due: float) -> None:
        """Take answers until it is time for the next beat."""
        while not self._stop.is_set() and (left := due - time.monotonic()) > 0:
            answer = socket.receive(left)
            if isinstance(answer, BeatAck):
                self._measure_offset(answer)
            elif isinstance(answer, Who):
                self._on_who()

    def _measure_offset(self, answer: BeatAck) -> None:
        """Take the offset of the quickest round trip: the half of it is the error's bound.

        The round trip goes by the monotonic clock: the wall clock may be set meanwhile.
        """
        if process.shares_clock(answer.host) or answer.sent_ns != self._sent_ns:
            return
        round_trip = time.monotonic() - self._sent_at
        if round_trip <= self._best_round_trip:
            self.offset_ns = answer.broker_ns + int(round_trip / 2 * 1e9) - time.time_ns()
            self._best_round_trip = round_trip
            metrics.CLOCK_OFFSET.labels(host=process.host_id().split("/")[0]).set(self.offset_ns / 1e9)
        self._best_round_trip *= 17 / 16  # clocks drift: old measurements fade

    def _publish_health(self) -> None:
        state, facts = self._health()
        host = process.host_id().split("/")[0]
        cores, busy = psutil.cpu_count() or 0, psutil.cpu_percent() / 100
        metrics.HOST_CORES.labels(host=host).set(cores)
        metrics.HOST_BUSY.labels(host=host).set(busy)
        sign = Health(
            service=self._service,
            instance=self._instance,
            host=host,
            pid=os.getpid(),
            started_ns=self._started_ns,
            metrics_port=self._metrics_port,
            state=state,
            clock_offset_seconds=self.offset_ns / 1e9,
            cores=cores,
            host_busy=busy,
            facts=dict(facts),
        )
        redis_up = metrics.REDIS_UP.labels(service=self._service)
        try:
            self._store.publish_health(sign)
        except StoreError:
            redis_up.set(0)
            raise
        redis_up.set(1)

    def _do_chores(self, with_health: bool) -> None:
        """Do what is due until Redis fails: what comes next would wait for it, too."""
        try:
            if with_health:
                self._publish_health()
            for chore in self._chores:
                chore()
        except StoreError as error:
            if str(error) not in self._complained:
                self._complained.add(str(error))
                logger.warning("%s", error)
        else:
            if with_health:  # chores alone need not have asked Redis
                self._complained.clear()
