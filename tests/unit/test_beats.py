"""The beat thread while Redis hangs, on a clock that only waiting moves."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shared import beats as module
from shared.beats import BEAT_SECONDS, Beats
from shared.config import Settings
from shared.errors import StoreError
from shared.messages import Beat, Header, Who

BEATS = 8


class World:
    """Clock, broker and Redis of one beat thread, which ends after so many beats."""

    def __init__(self) -> None:
        self.now = 100.0
        self.beats: Beats
        self.beat_at: list[float] = []
        self.answers: deque[Header] = deque()
        self.outages = set(range(BEATS + 1))
        """The beats, counted from 1, during which Redis hangs."""

    def send(self, header: Beat) -> None:
        self.beat_at.append(self.now)
        if len(self.beat_at) == BEATS:
            self.beats.stop()

    def receive(self, timeout_seconds: float) -> Header | None:
        if self.answers:
            return self.answers.popleft()
        self.now += timeout_seconds
        return None

    def close(self) -> None:
        """There is nothing to close."""

    def ask_redis(self, *_: object) -> None:
        if len(self.beat_at) in self.outages:
            self.now += 1.0
            raise StoreError("Redis does not answer")

    publish_health = ask_redis

    def run(self, chores: Sequence[Callable[[], None]], on_who: Callable[[], None] = lambda: None) -> None:
        store: Any = self
        settings = Settings(run_dir=Path("/nowhere"))
        self.beats = Beats(settings, "recorder", "recorder-1", store, chores=chores, on_who=on_who)
        self.beats._run()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """One whose Redis hangs."""
    world = World()
    clock = SimpleNamespace(monotonic=lambda: world.now, time_ns=lambda: int(world.now * 1e9))
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "BeatSocket", lambda bus: world)
    return world


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelno == logging.WARNING for record in caplog.records)


def test_beats_go_on_while_redis_hangs(world: World) -> None:
    world.run([world.ask_redis, world.ask_redis])
    gaps = [after - before for before, after in zip(world.beat_at, world.beat_at[1:], strict=False)]
    assert max(gaps) == pytest.approx(BEAT_SECONDS)


def test_who_is_heard_although_redis_took_the_time(world: World) -> None:
    world.answers.append(Who())
    heard: list[float] = []
    world.run([world.ask_redis], lambda: heard.append(world.now))
    assert heard == [101.0]


@pytest.mark.parametrize("harmless", [0, 1])
def test_one_outage_is_one_warning(world: World, caplog: pytest.LogCaptureFixture, harmless: int) -> None:
    world.run([lambda: None] * harmless)
    assert warnings(caplog) == 1


def test_the_next_outage_is_another_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.outages = {1, 2, 3, 6, 7}
    world.run([world.ask_redis])
    assert warnings(caplog) == 2
