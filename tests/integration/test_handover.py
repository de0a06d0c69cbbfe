"""Two recorders over a real Redis, under delays, drops, deaths and freezes: the ledger balances."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from services.recorder.service import RecorderService
from shared.config import Settings
from shared.messages import End, Gone, Header, JobId, Message, Outcome, Result, Seen
from shared.records import Advance
from shared.store import Store
from shared.topology import RECORDED_WINDOW
from shared.work import Finish, Reject, Work, Write

TICK = 0.05
FRAME_SECONDS = 0.1
WALL_MS = 1_800_000_000_000


@dataclass
class Recorder:
    """A recorder process: its service, and writes that Redis has not confirmed."""

    service: RecorderService
    backlog: list[Write] = field(default_factory=list)
    held: dict[int, Header] = field(default_factory=dict)
    frozen_until: float = 0.0

    def run(self, now: float, store: Store) -> None:
        """Do one round of the loop: idle, apply, close."""
        self.backlog += [out for out in self.service.idle(now) if isinstance(out, Write)]
        backlog, self.backlog = self.backlog, []
        if backlog:
            store.apply([write.entry for write in backlog])
        for write in backlog:
            self.service.confirmed()
            for out in write.then:
                if isinstance(out, Finish):
                    self.held.pop(out.job.number, None)

    def give(self, number: int, header: Header, now: float) -> bool:
        """Hand a job over; False: it is refused."""
        self.held[number] = header
        work = Work(JobId(1, number), Message(header), frozenset(), 0)
        outs = list(self.service.step([work], now))
        self.backlog += [out for out in outs if isinstance(out, Write)]
        if any(isinstance(out, Reject) for out in outs):
            del self.held[number]
            return False
        return True


class World:
    """A camera, a broker's results queue, and recorders that come, freeze and go."""

    def __init__(self, store: Store, seed: int, live: bool = True) -> None:
        self.store, self.random, self.live = store, random.Random(seed), live
        self.now, self.jobs, self.sequence, self.run_number = 100.0, 0, 0, WALL_MS
        self.recorders = [self.new_recorder(), self.new_recorder()]
        self.coming: list[tuple[float, Header]] = []
        self.fates: Counter[str] = Counter()
        self.delivered: set[tuple[int, int]] = set()

    def new_recorder(self) -> Recorder:
        return Recorder(RecorderService(Settings(), self.store.cursor, lambda: WALL_MS * 1_000_000))

    def capture(self) -> None:
        """One more frame: recorded, dropped with notice, or lost without a word."""
        self.sequence += 1
        fate = self.random.choices(["result", "gone", "nothing"], [8, 3, 1])[0]
        self.fates[fate] += 1
        delay = self.random.choice([0.0, 0.05, 0.1, 0.15, 0.8])
        if fate == "result":
            self.delivered.add((self.run_number, self.sequence))
            self.send(self.result(), delay)
        elif fate == "gone":
            self.send(self.gone(self.run_number, self.sequence, Outcome.STALE), delay)

    def gone(self, run: int, sequence: int, reason: Outcome) -> Gone:
        return Gone(camera="door", run=run, first=sequence, last=sequence, reason=reason)

    def result(self) -> Result:
        return Result(
            camera="door", run=self.run_number, sequence=self.sequence, live=self.live, width=64, height=48,
            captured_ns=WALL_MS * 1_000_000 + self.sequence, ages={}, detector="test",
        )  # fmt: skip

    def send(self, header: Header, delay: float) -> None:
        self.coming.append((self.now + delay, header))

    def tick(self) -> None:
        self.now += TICK
        due = [header for at, header in self.coming if at <= self.now]
        self.coming = [(at, header) for at, header in self.coming if at > self.now]
        for header in due:
            self.hand_out(header)
        for recorder in self.recorders:
            if recorder.frozen_until <= self.now:
                recorder.run(self.now, self.store)

    def hand_out(self, header: Header) -> None:
        self.jobs += 1
        if not self.recorders[0].give(self.jobs, header, self.now) and isinstance(header, Result):
            self.send(self.gone(header.run, header.sequence, Outcome.INVALID), 0.0)

    def hand_over(self, freeze_seconds: float) -> None:
        """The owner dies (0) or freezes, with writes under way; what it holds goes to the other one."""
        old = self.recorders[0]
        old.frozen_until = self.now + freeze_seconds
        self.recorders = [self.recorders[1], old if freeze_seconds else self.new_recorder()]
        held, old.held = list(old.held.values()), {}
        for header in held:
            self.hand_out(header)

    def tell(self, header_type: type[Seen] | type[End]) -> None:
        fields = {"camera": "door", "run": self.run_number, "captured": self.sequence, "live": self.live}
        self.send(End(**fields, sent=self.sequence) if header_type is End else Seen(**fields), 0.0)  # type: ignore[arg-type]

    def end(self) -> tuple[dict[str, int], list[tuple[int, int]]]:
        """End the run and wait long enough; return the ledger, and run and sequence of each result."""
        self.tell(End)
        for _ in range(round(10 / TICK)):
            self.tick()
        stream = [(result["run"], result["sequence"]) for result in self.store.results("door")]
        return self.store.ledger("door"), stream


@pytest.mark.parametrize("seed", range(8))
def test_the_ledger_balances_and_nothing_is_recorded_twice(store: Store, seed: int) -> None:
    world = World(store, seed)
    captured = 0
    for frame in range(300):
        world.capture()
        captured += 1
        if frame % 10 == 0:
            world.tell(Seen)
        if world.random.random() < 0.03:
            world.hand_over(world.random.choice([0.0, 0.4, 2.5]))
        if frame == 150:
            world.tell(Seen)
            world.run_number, world.sequence = WALL_MS + 1, 0
        for _ in range(round(FRAME_SECONDS / TICK)):
            world.tick()
    ledger, stream = world.end()
    assert stream == sorted(set(stream))
    assert set(stream) <= world.delivered
    assert ledger["captured"] == captured
    assert ledger["in_flight"] == 0
    assert ledger["recorded"] == len(stream) > 100
    assert ledger["stale"] == world.fates["gone"]
    assert ledger["lost"] == world.fates["nothing"]
    assert ledger["recorded"] + ledger.get("late", 0) == world.fates["result"]
    assert store.cursor("door").ended
    assert not any(recorder.held for recorder in world.recorders)


@pytest.mark.parametrize("seed", range(4))
def test_a_run_whose_results_died_with_a_broker_goes_on(store: Store, seed: int) -> None:
    world = World(store, seed)
    for frame in range(200):
        if frame == 100:
            world.coming = []
            world.sequence += 20_000
        world.capture()
        if frame % 10 == 0:
            world.tell(Seen)
        if frame > 110 and world.random.random() < 0.03:
            world.hand_over(world.random.choice([0.0, 0.4, 2.5]))
        for _ in range(round(FRAME_SECONDS / TICK)):
            world.tick()
    ledger, stream = world.end()
    assert stream == sorted(set(stream))
    assert ledger["captured"] == 20_200
    assert ledger["in_flight"] == 0
    assert ledger["recorded"] == len(stream) > 80
    assert ledger["lost"] >= 20_000
    assert ledger.get("invalid", 0) <= 3
    assert store.cursor("door").ended


def test_a_recorder_that_wakes_after_a_hand_over_writes_nothing_twice(store: Store) -> None:
    world = World(store, 0)
    world.sequence = 1
    world.hand_out(world.result())
    assert world.recorders[0].backlog
    world.hand_over(freeze_seconds=0.5)
    for _ in range(20):
        world.tick()
    assert [result["sequence"] for result in store.results("door")] == [1]
    assert store.ledger("door") == {"captured": 1, "in_flight": 0, "recorded": 1}


@pytest.mark.parametrize("seed", range(8))
def test_of_a_recorded_camera_every_frame_is_recorded(store: Store, seed: int) -> None:
    world = World(store, seed, live=False)
    for _ in range(200):
        world.sequence += 1
        delay = world.random.choice([0.0, 0.05, 0.1, 0.8, 2.5])
        world.send(world.result(), delay)
        if world.random.random() < 0.05:
            world.hand_over(world.random.choice([0.0, 0.4, 2.5, 5.0]))
        for _ in range(round(FRAME_SECONDS / TICK)):
            world.tick()
    for _ in range(round(4 / TICK)):
        world.tick()
    world.tell(End)
    for _ in range(round(2 / TICK)):
        world.tick()
    assert [result["sequence"] for result in store.results("door")] == list(range(1, 201))
    assert store.ledger("door") == {"captured": 200, "in_flight": 0, "recorded": 200}
    assert store.cursor("door").ended
    assert not any(recorder.held for recorder in world.recorders)


@pytest.mark.parametrize("first", [91, 1])
def test_a_recording_goes_on_although_redis_forgot_what_was_recorded(store: Store, first: int) -> None:
    """The cursor is set back, or gone; the source, its window full, no longer has what lay between."""
    world = World(store, 0, live=False)
    if first > 1:
        store.apply([Advance(camera="door", run=WALL_MS, live=False, base=first - 1)])
    world.sequence = 100
    for _ in range(30):
        while world.sequence - 100 < len(list(store.results("door"))) + RECORDED_WINDOW < 100:
            world.sequence += 1
            world.send(world.result(), 0.0)
        for _ in range(round(1 / TICK)):
            world.tick()
    world.tell(End)
    for _ in range(round(2 / TICK)):
        world.tick()
    recorded = world.sequence - 100
    assert recorded > 90
    assert [result["sequence"] for result in store.results("door")] == list(range(101, world.sequence + 1))
    lost = 101 - first
    assert store.ledger("door") == {
        "captured": recorded + lost,
        "in_flight": 0,
        "lost": lost,
        "recorded": recorded,
    }
    assert store.cursor("door").ended
