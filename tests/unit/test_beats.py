"""The beat thread while chores hang, on a clock that only waiting moves; and what the log says of outages."""

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shared import beats as module
from shared.beats import BEAT_SECONDS, HEALTH_TURNS, Beats
from shared.config import RedisSettings, Settings
from shared.errors import StoreError
from shared.messages import Beat, BeatAck, Header, Who
from shared.store import Store

BEATS = 20
SECOND = 1_000_000_000


class World:
    """Clock and broker of one process; it beats so many times, all while Redis is asked, and then stops."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wall_ahead = 0.0
        """The wall clock minus the monotonic one, in seconds."""
        self.beats: Beats
        self.sent: list[Beat] = []
        self.beat_at: list[float] = []
        self.armed_at: list[float] = []
        self.answers: deque[Header] = deque()
        self.is_asked, self.has_beaten = threading.Event(), threading.Event()

    def send(self, header: Beat) -> None:
        self.is_asked.wait(10)
        self.sent.append(header)
        self.beat_at.append(self.now)
        if len(self.beat_at) == BEATS:
            self.beats.stop()
            self.has_beaten.set()

    def receive(self, timeout_seconds: float) -> Header | None:
        if self.answers:
            return self.answers.popleft()
        self.now += timeout_seconds
        return None

    def close(self) -> None:
        """There is nothing to close."""

    def arm(self, timeout: float, exit: bool) -> None:
        self.armed_at.append(self.now)

    def begin(self, store: Any, **more: Any) -> None:
        self.beats = Beats(Settings(run_dir=Path("/nowhere")), "recorder", "recorder-1", store, **more)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    clock = SimpleNamespace(
        monotonic=lambda: world.now, time_ns=lambda: round((world.now + world.wall_ahead) * SECOND)
    )
    timer = SimpleNamespace(dump_traceback_later=world.arm, cancel_dump_traceback_later=lambda: None)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "faulthandler", timer)
    monkeypatch.setattr(module, "BeatSocket", lambda bus: world)
    return world


def test_beats_watchdog_and_who_go_on_while_a_resolver_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []

    def resolve(*_: object) -> None:
        world.is_asked.set()
        world.has_beaten.wait(20)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    store = Store(RedisSettings(url="redis://somewhere:6379/0"), Path("/nowhere"))
    world.begin(store, on_who=lambda: heard.append(world.now))
    world.answers.append(Who())
    world.beats.start()
    assert world.has_beaten.wait(20)
    gaps = [after - before for before, after in zip(world.beat_at, world.beat_at[1:], strict=False)]
    assert max(gaps) == pytest.approx(BEAT_SECONDS)
    assert len(world.armed_at) == BEATS / 2
    assert heard == [100.0]


def test_the_offset_is_measured_on_after_the_wall_clock_was_set_back(world: World) -> None:
    broker_ahead = 3.0
    world.begin(object())
    world.is_asked.set()
    carrier: Any = world

    def beat(set_by: float = 0.0) -> float:
        """Return the offset in seconds after a round trip of 2 ms, in which the wall clock is set."""
        world.beats._beat(carrier)
        world.now += 0.001
        broker_ns = round((world.now + broker_ahead) * SECOND)
        world.now += 0.001
        world.wall_ahead += set_by
        sent_ns = world.sent[-1].sent_ns
        world.beats._measure_offset(BeatAck(sent_ns=sent_ns, broker_ns=broker_ns, host="another/boot"))
        return world.beats.offset_ns / SECOND

    assert beat() == pytest.approx(3.0, abs=0.001)
    assert beat(set_by=-2.0) == pytest.approx(5.0, abs=0.001)
    broker_ahead = 4.0
    assert beat() == pytest.approx(6.0, abs=0.001)


class Redis:
    """Takes health, but not during the turns, counted from 1, of an outage."""

    def __init__(self, outages: set[int]) -> None:
        self.outages = outages
        self.turn = 0
        self.asked: list[int] = []

    def ask(self, *_: object) -> None:
        self.asked.append(self.turn)
        if self.turn in self.outages:
            raise StoreError("Redis does not answer")

    publish_health = ask

    def run(self, world: World, chores: list[Callable[[], None]]) -> None:
        world.begin(self, chores=chores)
        for turn in range(8):
            self.turn = turn + 1
            world.beats._do_chores(with_health=turn % HEALTH_TURNS == 0)


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelno == logging.WARNING for record in caplog.records)


def test_a_redis_that_is_away_is_asked_once_a_turn(world: World) -> None:
    redis = Redis(set(range(1, 9)))
    redis.run(world, [redis.ask, redis.ask])
    assert redis.asked == list(range(1, 9))


@pytest.mark.parametrize("harmless", [0, 1])
def test_one_outage_is_one_warning(world: World, caplog: pytest.LogCaptureFixture, harmless: int) -> None:
    Redis(set(range(1, 9))).run(world, [lambda: None] * harmless)
    assert warnings(caplog) == 1


def test_the_next_outage_is_another_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    redis = Redis({1, 2, 3, 6, 7})
    redis.run(world, [redis.ask])
    assert warnings(caplog) == 2
