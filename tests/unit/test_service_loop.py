"""The run loop and the broker's policy together, in memory: jobs, ages, drain, Redis away."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from shared import topology
from shared.codec import decode
from shared.errors import StoreError
from shared.loop import Loop
from shared.memory_bus import MemoryBus
from shared.messages import SCHEMA, Done, Encoding, Frame, Hello, Preview, Result
from shared.records import Advance, Applied
from shared.work import Finish, Out, Publish, Reject, Reply, Work, Write

RUN = 1_700_000_000_000


class Detector:
    """Answers each frame with a result without faces; rejects every third."""

    def __init__(self) -> None:
        self.seen: list[Work] = []

    def warm_up(self) -> None:
        pass

    def step(self, work: Sequence[Work], now: float) -> Iterator[Out]:
        for item in work:
            self.seen.append(item)
            frame = item.message.header
            assert isinstance(frame, Frame)
            if frame.sequence % 3 == 0:
                yield Reject(item.id, "not a picture")
                continue
            yield Publish(topology.preview_topic("door", Preview.BLURRED), b"jpeg")
            yield Reply(
                item.id,
                Result(
                    camera=frame.camera, run=frame.run, sequence=frame.sequence, live=True, captured_ns=1,
                    width=4, height=4, ages=frame.ages, detector="test",
                ),
            )  # fmt: skip

    def idle(self, now: float) -> Iterable[Out]:
        return ()


class Recorder:
    """Writes everything it gets."""

    def warm_up(self) -> None:
        pass

    def step(self, work: Sequence[Work], now: float) -> Iterator[Out]:
        for item in work:
            header: Any = item.message.header
            yield Write(Advance(camera=header.camera, run=header.run, live=True), (Finish(item.id),))

    def idle(self, now: float) -> Iterable[Out]:
        return ()


class Redis:
    """Takes entries, or is away."""

    def __init__(self) -> None:
        self.entries: list[Advance] = []
        self.away = False

    def apply(self, entries: Sequence[Advance]) -> list[Applied]:
        if self.away:
            raise StoreError("Redis is away")
        self.entries += entries
        return [Applied(recorded=True, counted={}) for _ in entries]


class Beats:
    """Stands in for the beat thread."""

    step_started = 0.0


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(Policy(1, "h", Limits()))


def make_loop(bus: MemoryBus, kind: topology.Service, service: Any, redis: Redis, batch: int = 1) -> Loop:
    hello = Hello(service=kind.name, instance=f"{kind.name}-1", schema=SCHEMA, window=8, host="h", pid=1)
    beats: Any = Beats()
    loop = Loop(kind, service, bus.client(hello), beats, batch, 0.0, redis, lambda entry, applied: None)
    loop.turn()
    return loop


def send_frames(bus: MemoryBus, count: int) -> Any:
    hello = Hello(
        service="capture", instance="c", schema=SCHEMA, window=2, host="h", pid=1, camera="door", run=RUN
    )
    source = bus.client(hello)
    source.receive(0)
    for sequence in range(1, count + 1):
        frame = Frame(
            camera="door", run=RUN, sequence=sequence, live=True, captured_ns=1, width=4, height=4,
            ages={"capture": 5}, encoding=Encoding.JPEG, age_ns=1_000_000, previous=sequence - 1,
        )  # fmt: skip
        source.send(frame, b"jpeg")
    return source


def test_a_frame_goes_all_the_way_and_carries_its_ages(bus: MemoryBus) -> None:
    redis = Redis()
    detector = make_loop(bus, topology.DETECTOR, Detector(), redis)
    hello = Hello(service="recorder", instance="r", schema=SCHEMA, window=8, host="h", pid=1)
    recorder = bus.client(hello)
    send_frames(bus, 1)
    detector.turn()
    job = recorder.receive(0)
    assert job is not None
    result = decode(job.payload).header
    assert isinstance(result, Result)
    assert list(result.ages) == ["capture", "frames_queue", "detect"]
    assert 1_000_000 <= result.ages["frames_queue"] <= result.ages["detect"]
    assert [action.topic for action in bus.published] == ["preview/blurred/door"]


def test_rejected_data_becomes_invalid_and_the_loop_goes_on(bus: MemoryBus) -> None:
    policy = Policy(1, "h", Limits())
    bus = MemoryBus(policy)
    detector = make_loop(bus, topology.DETECTOR, Detector(), Redis())
    for _ in range(4):
        send_frames_once(bus, _ + 1)
        detector.turn()
    assert policy.desk.dropped["invalid"] == 1
    assert len(policy.desk.results) == 4


def send_frames_once(bus: MemoryBus, sequence: int) -> None:
    hello = Hello(
        service="capture", instance="c", schema=SCHEMA, window=2, host="h", pid=1, camera="door", run=RUN
    )
    source = bus.client(hello)
    frame = Frame(
        camera="door", run=RUN, sequence=sequence, live=True, captured_ns=1, width=4, height=4,
        ages={}, encoding=Encoding.JPEG, age_ns=0, previous=sequence - 1,
    )  # fmt: skip
    source.send(frame, b"jpeg")


def test_nothing_is_done_while_redis_is_away_and_all_of_it_after(bus: MemoryBus) -> None:
    redis = Redis()
    policy = Policy(1, "h", Limits())
    bus = MemoryBus(policy)
    detector = make_loop(bus, topology.DETECTOR, Detector(), redis)
    recorder = make_loop(bus, topology.RECORDER, Recorder(), redis, batch=8)
    redis.away = True
    send_frames_once(bus, 1)
    detector.turn()
    recorder.turn()
    assert recorder.redis_down
    held = policy.desk.roster.workers("recorder")[0]
    assert len(held.jobs) == 1
    redis.away = False
    recorder._retry_at = 0.0
    recorder.turn()
    assert not recorder.redis_down
    assert [entry.camera for entry in redis.entries] == ["door"]
    assert not held.jobs


def test_what_redis_confirmed_before_it_went_counts_and_is_not_applied_again(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.loop.PAGE", 2)
    redis = Redis()
    recorder = make_loop(bus, topology.RECORDER, Recorder(), redis)
    observed: list[int] = []

    def observe(entry: Advance, applied: Applied) -> None:
        observed.append(entry.run)
        redis.away = len(observed) == 2

    recorder._observe = observe
    recorder._emit(Write(Advance(camera="door", run=run, live=True)) for run in (1, 2, 3))
    recorder.turn()
    assert recorder.redis_down
    assert observed == [1, 2]
    redis.away, recorder._retry_at = False, 0.0
    recorder.turn()
    assert [entry.run for entry in redis.entries] == observed == [1, 2, 3]


def test_a_stopped_loop_drains_and_ends(bus: MemoryBus) -> None:
    detector = make_loop(bus, topology.DETECTOR, Detector(), Redis())
    send_frames(bus, 1)
    detector.turn()
    detector.stop()
    detector.run()
    send_frames_once(bus, 2)
    assert bus.take(b"detector/detector-1") is None


def test_a_job_whose_message_is_about_another_frame_is_refused(bus: MemoryBus) -> None:
    policy = Policy(1, "h", Limits())
    bus = MemoryBus(policy)
    service = Detector()
    detector = make_loop(bus, topology.DETECTOR, service, Redis())
    original = policy.desk._assign

    def assign(worker: Any, task: Any, now: float, alone: bool = False) -> None:
        task.first = task.last = 99
        original(worker, task, now, alone)

    policy.desk._assign = assign  # type: ignore[method-assign]
    send_frames_once(bus, 1)
    detector.turn()
    assert service.seen == []
    assert policy.desk.dropped["invalid"] == 1


def test_only_who_is_likely_to_find_company_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append((round(now[0] - 100, 3), seconds))
        now[0] += seconds

    monkeypatch.setattr("shared.loop.time.monotonic", lambda: now[0])
    monkeypatch.setattr("shared.loop.time.sleep", sleep)
    bus = MemoryBus(Policy(1, "h", Limits()))
    hello = Hello(service="detector", instance="d", schema=SCHEMA, window=8, host="h", pid=1)
    arguments: Any = (topology.DETECTOR, Detector(), bus.client(hello), Beats(), 8, 0.02, Redis())
    detector = Loop(*arguments, lambda entry, applied: None)
    detector.turn()
    for sequence, passed in enumerate((1.0, 1.1, 1.115, 1.15, 1.2), 1):
        now[0] = 100.0 + passed
        send_frames_once(bus, sequence)
        detector.turn()
    assert slept == [(1.115, 0.02), (1.15, 0.02)]


def test_a_done_says_how_long_the_work_took_without_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = [100.0], []

    class Slow(Redis):
        def apply(self, entries: Sequence[Advance]) -> list[Applied]:
            now[0] += 0.003
            return super().apply(entries)

    monkeypatch.setattr("shared.loop.time.monotonic", lambda: now[0])
    bus = MemoryBus(Policy(1, "h", Limits()))
    hello = Hello(service="recorder", instance="r", schema=SCHEMA, window=8, host="h", pid=1)
    client = bus.client(hello)
    arguments: Any = (topology.RECORDER, Recorder(), client, Beats(), 8, 0.0, Slow())
    recorder = Loop(*arguments, lambda entry, applied: None)
    detector = make_loop(bus, topology.DETECTOR, Detector(), Redis())
    recorder.turn()
    monkeypatch.setattr(client, "send", lambda header, *payload: said.append(header) or True)
    send_frames_once(bus, 1)
    detector.turn()
    now[0] += 0.5
    recorder.turn()
    assert [header.busy_ns for header in said if isinstance(header, Done)] == [3_000_000]


def test_each_answer_gives_the_rest_of_a_step_more_time() -> None:
    beats, seen = Beats(), []

    class Watched(Detector):
        def step(self, work: Sequence[Work], now: float) -> Iterator[Out]:
            for out in super().step(work, now):
                seen.append(beats.step_started)
                yield out

    bus = MemoryBus(Policy(1, "h", Limits()))
    hello = Hello(service="detector", instance="d", schema=SCHEMA, window=8, host="h", pid=1)
    arguments: Any = (topology.DETECTOR, Watched(), bus.client(hello), beats, 8, 0.0, Redis())
    detector = Loop(*arguments, lambda entry, applied: None)
    detector.turn()
    send_frames_once(bus, 1)
    detector.turn()
    assert len(seen) == 2
    assert 0 < seen[0] < seen[1]
    assert beats.step_started == 0.0


def test_an_answer_that_can_not_be_sent_is_sent_later(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(1, "h", Limits())
    bus = MemoryBus(policy)
    hello = Hello(service="recorder", instance="r", schema=SCHEMA, window=8, host="h", pid=1)
    client, beats, redis = bus.client(hello), Beats(), Redis()
    arguments: Any = (topology.RECORDER, Recorder(), client, beats, 8, 0.0, redis)
    recorder = Loop(*arguments, lambda entry, applied: None)
    detector = make_loop(bus, topology.DETECTOR, Detector(), redis)
    send_frames_once(bus, 1)
    detector.turn()
    with monkeypatch.context() as patch:
        patch.setattr(client, "send", lambda header, *payload: False)
        recorder.turn()
    assert len(redis.entries) == 1
    assert len(policy.desk.roster.named("recorder", "r").jobs) == 1  # type: ignore[union-attr]
    recorder.turn()
    assert not policy.desk.roster.named("recorder", "r").jobs  # type: ignore[union-attr]
