"""The broker's policy, driven by events and a clock of the test's own."""

import math
import random
from collections import deque
from collections.abc import Iterator
from itertools import count

import msgspec
import pytest

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from services.broker.queues import FairQueue, ResultsQueue
from services.broker.tasks import Task
from shared import topology
from shared.codec import decode, encode
from shared.events import Announce, Received, Send, Subscribed, Tick, Vanished
from shared.frame_memory import SLOTS
from shared.messages import (
    SCHEMA,
    Ack,
    Beat,
    BeatAck,
    Done,
    Drain,
    Drained,
    Encoding,
    End,
    Feed,
    Frame,
    Gone,
    Header,
    Hello,
    Invalid,
    Job,
    JobId,
    Outcome,
    Output,
    Preview,
    Refused,
    Result,
    Seen,
    Taken,
    Welcome,
    Who,
)

RUN = 1_700_000_000_000


class Bench:
    """A policy and its clients; messages are encoded and decoded as on the wire."""

    def __init__(self) -> None:
        self.policy = Policy(7, "host/boot", Limits(deadline_seconds=1.0, lease_seconds=2.0))
        self.now = 100.0
        self.inbox: dict[bytes, list[tuple[Header, Header | None]]] = {}
        self.announced: list[Announce] = []

    def say(self, peer: str, header: Header, *payload: bytes) -> None:
        parts = encode(header, *payload)
        self.event(Received(peer.encode(), decode(parts), parts, 5))

    def event(self, event: Received | Vanished | Subscribed | Tick) -> None:
        for action in self.policy.on(event, self.now):
            if isinstance(action, Send):
                message = decode(action.parts)
                inner = decode(message.payload).header if isinstance(message.header, Job) else None
                self.inbox.setdefault(action.peer, []).append((message.header, inner))
            else:
                self.announced.append(action)

    def tick(self, seconds: float = 0.0, alive: tuple[str, ...] = ()) -> None:
        """Let time pass in small steps; those named beat meanwhile."""
        for _ in range(max(1, round(seconds / 0.25))):
            self.now += 0.25 if seconds else 0.0
            for name in alive:
                self.say("beat", Beat(service=name.rstrip("0123456789"), instance=name, sent_ns=1))
            self.event(Tick())

    def take(self, peer: str) -> list[tuple[Header, Header | None]]:
        return self.inbox.pop(peer.encode(), [])

    def heads(self, peer: str) -> list[Header]:
        return [header for header, _ in self.take(peer)]

    def jobs(self, peer: str) -> list[tuple[Job, Header]]:
        return [(head, inner) for head, inner in self.take(peer) if isinstance(head, Job) and inner]

    def worker(self, name: str, window: int = 2) -> None:
        service = name.rstrip("0123456789")
        self.say(name, Hello(service=service, instance=name, schema=SCHEMA, window=window, host="h", pid=1))
        assert isinstance(self.heads(name)[0], Welcome)

    def camera(self, name: str, live: bool = True, run: int = RUN, peer: str | None = None) -> None:
        self.say(
            peer or name,
            Hello(
                service="capture",
                instance=f"capture.{peer or name}",
                schema=SCHEMA,
                window=2,
                host="h",
                pid=1,
                camera=name,
                run=run,
                live=live,
            ),
        )

    def frame(self, camera: str, sequence: int, previous: int | None = None, **changes: object) -> None:
        header = Frame(
            camera=camera,
            run=RUN,
            sequence=sequence,
            live=True,
            captured_ns=1,
            width=4,
            height=4,
            ages={},
            encoding=Encoding.JPEG,
            age_ns=0,
            previous=sequence - 1 if previous is None else previous,
        )
        self.say(camera, msgspec.structs.replace(header, **changes), b"jpeg")

    def result(self, worker: str, job: Job) -> None:
        header = Result(
            camera=job.camera,
            run=job.run,
            sequence=job.sequence,
            live=True,
            captured_ns=1,
            width=4,
            height=4,
            ages={},
            detector="d",
        )
        self.say(worker, Output(job=job.job), *encode(header))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_frame_goes_from_source_to_detector_to_recorder_and_is_done(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    assert isinstance(bench.heads("door")[-1], Ack)
    [(job, inner)] = bench.jobs("detector1")
    assert isinstance(inner, Frame)
    bench.result("detector1", job)
    [(stored, inner)] = bench.jobs("recorder1")
    assert isinstance(inner, Result)
    bench.say("recorder1", Done(jobs=(stored.job,)))
    assert not any(peer.jobs for peer in bench.policy.desk.roster)


def test_hello_with_another_schema_is_refused_naming_both(bench: Bench) -> None:
    bench.say("x", Hello(service="detector", instance="d", schema="old", window=1, host="h", pid=1))
    [refused] = bench.heads("x")
    assert isinstance(refused, Refused)
    assert "old" in refused.reason
    assert SCHEMA in refused.reason


def test_a_dashboard_that_takes_no_jobs_is_told_the_time(bench: Bench) -> None:
    bench.say("page", Beat(service="dashboard", instance="page", sent_ns=9))
    assert bench.heads("page") == [BeatAck(sent_ns=9, broker_ns=5, host="host/boot")]


def test_a_message_from_an_unknown_peer_is_answered_who(bench: Bench) -> None:
    bench.frame("door", 1)
    assert bench.heads("door") == [Who()]
    assert len(bench.policy.desk.results) == 0


def test_a_second_source_of_a_live_camera_is_told_taken(bench: Bench) -> None:
    bench.camera("door")
    bench.camera("door", peer="other")
    assert bench.heads("other") == [Taken(camera="door")]


def test_the_newest_frame_wins_and_the_overtaken_one_is_told_to_the_recorder(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    bench.frame("door", 2)
    [(_, gone)] = bench.jobs("recorder1")
    assert gone == Gone(camera="door", run=RUN, first=1, last=1, reason=Outcome.OVERTAKEN)
    bench.worker("detector1")
    # the welcome was taken by worker(); the job came with it
    assert [
        job.task.first
        for peer in bench.policy.desk.roster
        for job in peer.jobs.values()
        if job.task.frame and not job.task.reason
    ] == [2]


def test_frames_skipped_by_capture_are_overtaken(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    bench.frame("door", 5, previous=1)
    gone = [inner for _, inner in bench.jobs("recorder1") if isinstance(inner, Gone)]
    assert (2, 4, Outcome.OVERTAKEN) in [(g.first, g.last, g.reason) for g in gone]


def test_a_waiting_live_frame_older_than_the_deadline_is_stale(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    bench.tick(1.5, alive=("recorder1",))
    assert [inner.reason for _, inner in bench.jobs("recorder1") if isinstance(inner, Gone)] == [
        Outcome.STALE
    ]


def test_the_deadline_counts_from_capture_not_from_arrival(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1, age_ns=900_000_000)
    bench.tick(0.25, alive=("recorder1",))
    assert [inner.reason for _, inner in bench.jobs("recorder1") if isinstance(inner, Gone)] == [
        Outcome.STALE
    ]


def test_cameras_take_turns(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.camera(name)
        bench.frame(name, 1)
    bench.worker("detector1", window=2)
    held = [job.task.camera for peer in bench.policy.desk.roster for job in peer.jobs.values()]
    assert held == ["a", "b"]


def test_a_camera_whose_frame_came_too_late_for_its_turn_gets_that_turn_later() -> None:
    queue, sequence = FairQueue(live_waiting=1), count()

    def offer(*cameras: str) -> None:
        for camera in cameras:
            queue.push(Task(camera, RUN, number := next(sequence), number, live=True, origin=0.0))

    def turn() -> str:
        task = queue.pop()
        assert task
        return task.camera

    offer("door", "yard")
    assert [turn(), turn()] == ["door", "yard"]
    for _ in range(2):
        offer("door")
        assert turn() == "door"
    had = []
    for _ in range(4):
        offer("door", "yard")
        had.append(turn())
    assert had == ["yard", "yard", "door", "yard"]


def test_a_camera_that_was_long_away_does_not_hold_up_the_others() -> None:
    queue = FairQueue(live_waiting=1)
    had = []
    for number in range(120):
        for camera in ("door", "yard") if number < 10 or number >= 100 else ("door",):
            queue.push(Task(camera, RUN, number, number, live=True, origin=0.0))
        task = queue.pop()
        assert task
        had.append(task.camera)
    assert had[100:].count("yard") <= 12


def test_jobs_go_to_whoever_holds_least(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("detector2")
    for index, name in enumerate("abcd"):
        bench.camera(name)
        bench.frame(name, 1)
        shares = sorted(len(peer.jobs) for peer in bench.policy.desk.roster.workers("detector"))
        assert shares[1] - shares[0] == (index + 1) % 2


@pytest.mark.parametrize(("detectors", "cameras"), [(4, 1), (8, 1), (16, 1), (16, 2), (16, 5)])
def test_a_busy_cameras_frames_are_looked_at_before_it_overwrites_them(
    bench: Bench, detectors: int, cameras: int
) -> None:
    chance = random.Random(3)
    names, workers = [f"cam{n}" for n in range(cameras)], [f"detector{n}" for n in range(detectors)]
    sent = dict.fromkeys(names, 0)
    hands: dict[str, deque[Job]] = {name: deque() for name in workers}
    done_at = dict.fromkeys(workers, math.inf)
    looked_at = dict.fromkeys(names, 0)

    def carry() -> None:
        """Cameras have their next frame ready at once; detectors do their jobs one by one."""
        while any(bench.inbox.get(name.encode()) for name in names):
            for name in names:
                if any(isinstance(head, Ack) for head in bench.heads(name)):
                    sent[name] += 1
                    bench.frame(name, sent[name])
        for name in workers:
            hands[name].extend(job for job, _ in bench.jobs(name))
            if hands[name] and done_at[name] == math.inf:
                done_at[name] = bench.now + chance.uniform(0.01, 0.03)

    for name in workers:
        bench.worker(name)
    for name in names:
        bench.camera(name)
        sent[name] = 1
        bench.frame(name, 1)
    carry()
    for _ in range(2000):
        worker = min(done_at, key=done_at.__getitem__)
        bench.now, done_at[worker] = done_at[worker], math.inf
        job = hands[worker].popleft()
        assert sent[job.camera] - job.sequence < SLOTS
        looked_at[job.camera] += 1
        bench.result(worker, job)
        carry()
    assert max(looked_at.values()) - min(looked_at.values()) <= 20  # fair


def test_a_camera_whose_frames_fill_the_detectors_hands_lets_the_others_go_first(bench: Bench) -> None:
    for number in range(5):
        bench.worker(f"detector{number}")
    for name in ("door", "yard"):
        bench.camera(name)
    for sequence in range(1, 10):
        bench.frame("door", sequence)
    assert bench.policy.desk.roster.held("detector", "door") == 8
    bench.frame("yard", 1)
    assert bench.policy.desk.roster.held("detector", "yard") == 1
    bench.heads("door")
    [(job, _), *_] = bench.jobs("detector0")
    bench.result("detector0", job)
    assert Ack(run=RUN, sequences=(9,)) in bench.heads("door")


def test_a_live_frame_dies_with_its_worker(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    bench.event(Vanished(b"detector1"))
    [(_, gone)] = bench.jobs("recorder1")
    assert isinstance(gone, Gone)
    assert gone.reason is Outcome.LOST_WORKER


def test_a_recorded_frame_is_tried_once_more_alone_and_then_is_poison(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.worker("detector1")
    bench.camera("film", live=False)
    bench.frame("film", 1, live=False, previous=0)
    bench.frame("film", 2, live=False, previous=1)
    bench.event(Vanished(b"detector1"))
    assert bench.jobs("recorder1") == []
    bench.worker("detector2")
    alone = [job for peer in bench.policy.desk.roster.workers("detector") for job in peer.jobs.values()]
    assert [(job.task.first, job.alone) for job in alone] == [(1, True)]
    bench.event(Vanished(b"detector2"))
    [(_, gone)] = bench.jobs("recorder1")
    assert isinstance(gone, Gone)
    assert (gone.first, gone.reason) == (1, Outcome.POISON)
    assert Ack(run=RUN, sequences=(1,)) in bench.heads("film")
    bench.worker("detector3")
    again = [
        job.task.first for peer in bench.policy.desk.roster.workers("detector") for job in peer.jobs.values()
    ]
    assert again == [2]


def test_a_recorded_frame_is_acknowledged_when_redis_has_it(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("film", live=False)
    bench.frame("film", 1, live=False)
    bench.heads("film")
    [(job, _)] = bench.jobs("detector1")
    bench.result("detector1", job)
    assert bench.heads("film") == []
    [(stored, _)] = bench.jobs("recorder1")
    bench.say("recorder1", Done(jobs=(stored.job,)))
    assert bench.heads("film") == [Ack(run=RUN, sequences=(1,))]


def test_a_recorded_camera_opened_again_and_again_without_a_detector_still_gets_through(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    queue = bench.policy.desk.queues["frames"]
    for run in (RUN, RUN + 1, RUN + 2):
        bench.camera("film", live=False, run=run)
        for sequence in range(1, 9):
            bench.frame("film", sequence, live=False, run=run)
        bench.event(Vanished(b"film"))
    assert (len(queue), queue.waiting("film", RUN)) == (16, 0)
    gone = [inner for _, inner in bench.jobs("recorder1") if isinstance(inner, Gone)]
    assert gone == [
        Gone(camera="film", run=RUN, first=n, last=n, reason=Outcome.OVERTAKEN) for n in range(1, 9)
    ]


def test_a_recorded_source_that_sends_beyond_all_windows_is_refused(bench: Bench) -> None:
    bench.camera("film", live=False)
    for sequence in range(1, 18):
        bench.frame("film", sequence, live=False)
    assert len(bench.policy.desk.queues["frames"]) == 16
    assert bench.policy.invalid == 1


def test_a_job_older_than_its_lease_is_taken_away_and_its_late_answer_ignored(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    [(job, _)] = bench.jobs("detector1")
    bench.tick(2.5, alive=("detector1", "recorder1"))
    [(_, gone)] = bench.jobs("recorder1")
    assert isinstance(gone, Gone)
    assert gone.reason is Outcome.LOST_WORKER
    bench.take("detector1")
    bench.result("detector1", job)
    assert bench.heads("detector1") == [Who()]
    assert bench.jobs("recorder1") == []


def test_an_answer_from_another_broker_run_is_dropped(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    [(job, _)] = bench.jobs("detector1")
    bench.result(
        "detector1", msgspec.structs.replace(job, job=msgspec.structs.replace(job.job, broker_run=6))
    )
    assert bench.jobs("recorder1") == []


def test_invalid_data_drops_its_frame_only(bench: Bench) -> None:
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.frame("door", 1)
    [(job, _)] = bench.jobs("detector1")
    bench.say("detector1", Invalid(job=job.job, reason="not a JPEG"))
    [(_, gone)] = bench.jobs("recorder1")
    assert isinstance(gone, Gone)
    assert gone.reason is Outcome.INVALID


def test_a_silent_peer_is_forgotten_after_three_seconds(bench: Bench) -> None:
    bench.worker("detector1")
    bench.tick(2.5)
    assert bench.policy.desk.roster.workers("detector")
    bench.tick(1.0)
    assert not bench.policy.desk.roster.workers("detector")


def test_after_a_gap_of_the_brokers_own_nobody_is_judged(bench: Bench) -> None:
    bench.worker("detector1")
    bench.tick()
    bench.now += 60.0
    bench.event(Tick())
    assert bench.policy.desk.roster.workers("detector")


def test_results_of_a_dead_recorder_go_to_the_next_one_in_order(bench: Bench) -> None:
    bench.worker("detector1", window=8)
    bench.worker("recorder1", 32)
    bench.camera("door")
    for sequence in (1, 2, 3):
        bench.frame("door", sequence)
        [(job, _)] = bench.jobs("detector1")
        bench.result("detector1", job)
    assert len(bench.jobs("recorder1")) == 3
    bench.event(Vanished(b"recorder1"))
    bench.say(
        "recorder2",
        Hello(service="recorder", instance="recorder2", schema=SCHEMA, window=32, host="h", pid=1),
    )
    assert [job.sequence for job, _ in bench.jobs("recorder2")] == [1, 2, 3]


def test_a_hand_over_waits_for_the_old_recorder_at_most_a_second(bench: Bench) -> None:
    bench.worker("detector1", window=8)
    bench.worker("recorder1", 32)
    names = [f"camera{n}" for n in range(8)]
    for name in names:
        bench.camera(name)
        bench.frame(name, 1)
        [(job, _)] = bench.jobs("detector1")
        bench.result("detector1", job)
    assert len(bench.jobs("recorder1")) == 8
    bench.worker("recorder2", 32)
    moved = [n for n in names if bench.policy.desk.roster.owner(n).hello.instance == "recorder2"]
    assert 0 < len(moved) < 8
    for name in moved:
        bench.frame(name, 2)
        [(job, _)] = bench.jobs("detector1")
        bench.result("detector1", job)
    assert bench.jobs("recorder2") == []
    bench.tick(1.5, alive=("recorder1", "recorder2"))
    got = [(job.camera, job.sequence) for job, _ in bench.jobs("recorder2")]
    assert sorted(got) == sorted([(n, s) for n in moved for s in (1, 2)])


def test_a_draining_worker_gets_no_more_and_is_told_drained(bench: Bench) -> None:
    bench.worker("detector1")
    bench.camera("door")
    bench.frame("door", 1)
    [(job, _)] = bench.jobs("detector1")
    bench.say("detector1", Drain())
    bench.frame("door", 2)
    assert bench.heads("detector1") == []
    bench.result("detector1", job)
    assert bench.heads("detector1") == [Drained()]


def test_a_recorder_holds_only_so_much_of_all_cameras_together(bench: Bench) -> None:
    desk, inner = bench.policy.desk, encode(Seen(camera="door", run=RUN, captured=1, live=True))
    for camera in range(topology.MAX_CAMERAS + 2):
        for sequence in range(1, topology.RECORDER.window + 1):
            desk.results.push(Task(f"camera{camera}", RUN, sequence, sequence, True, bench.now, inner))
    bench.worker("recorder1", topology.RECORDER.window)
    [recorder] = desk.roster.workers("recorder")
    assert len(recorder.jobs) == topology.RECORDER_JOBS
    given = [JobId(7, number) for number in recorder.jobs][:40]
    bench.say("recorder1", Done(jobs=tuple(given)))
    assert len(recorder.jobs) == topology.RECORDER_JOBS
    assert len(desk.results) == 2 * topology.RECORDER.window - 40


def test_neighbouring_notices_of_one_reason_become_one(bench: Bench) -> None:
    bench.camera("door")
    for sequence in range(1, 50):
        bench.frame("door", sequence)
    bench.worker("recorder1", 32)
    bench.tick()
    held = [job.task for peer in bench.policy.desk.roster.workers("recorder") for job in peer.jobs.values()]
    assert [(task.first, task.last) for task in held] == [(1, 48)]


def test_results_over_the_byte_bound_are_counted_as_recorder_down(bench: Bench) -> None:
    bench.policy.desk.results = ResultsQueue(40_000)
    bench.worker("detector1")
    bench.camera("door")
    for sequence in range(1, 201):
        bench.frame("door", sequence)
        [(job, _)] = bench.jobs("detector1")
        bench.result("detector1", job)
    assert bench.policy.desk.results.bytes <= 40_000
    bench.say("r", Hello(service="recorder", instance="r", schema=SCHEMA, window=1000, host="h", pid=1))
    accounted: list[int] = []
    for job, inner in bench.jobs("r"):
        accounted += range(inner.first, inner.last + 1) if isinstance(inner, Gone) else [job.sequence]
    assert accounted == list(range(1, 201))


def test_notices_alone_stay_within_the_byte_bound_too(bench: Bench) -> None:
    bench.policy.desk.results = ResultsQueue(40_000)
    bench.camera("door")
    for sequence in range(4, 804, 4):  # neither a detector nor a recorder is there
        bench.frame("door", sequence, previous=sequence - 4)
        bench.tick(1.25)
        bench.say("beat", Beat(service="capture", instance="capture.door", sent_ns=9, captured=sequence))
    assert bench.policy.desk.results.bytes <= 40_000
    assert bench.policy.desk.dropped[Outcome.STALE] == 200


def test_what_a_dead_recorder_held_stays_within_the_byte_bound(bench: Bench) -> None:
    bench.policy.desk.results = ResultsQueue(10_000)
    bench.worker("detector1")
    bench.worker("recorder1", 32)
    bench.camera("door")
    for sequence in range(1, 31):
        bench.frame("door", sequence)
        [(job, _)] = bench.jobs("detector1")
        bench.result("detector1", job)
    assert len(bench.jobs("recorder1")) == 30
    bench.event(Vanished(b"recorder1"))
    assert bench.policy.desk.results.bytes <= 10_000
    assert 0 < bench.policy.desk.dropped[Outcome.RECORDER_DOWN] < 30


def test_end_closes_the_run_and_counts_what_was_never_sent(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.say("door", End(camera="door", run=RUN, captured=5, sent=3, live=True))
    inner = [header for _, header in bench.jobs("recorder1")]
    assert inner[0] == Gone(camera="door", run=RUN, first=4, last=5, reason=Outcome.OVERTAKEN)
    assert isinstance(inner[1], End)


def test_captured_frames_that_were_not_sent_are_told_by_beats(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.say("beat", Beat(service="capture", instance="capture.door", sent_ns=9, captured=12))
    assert BeatAck(sent_ns=9, broker_ns=5, host="host/boot") in bench.heads("beat")
    [(_, seen)] = bench.jobs("recorder1")
    assert seen == Seen(camera="door", run=RUN, captured=12, live=True)


def test_a_beat_may_come_before_the_first_frame_after_a_new_hello(bench: Bench) -> None:
    beat = Beat(service="capture", instance="capture.door", sent_ns=9, captured=20_000)
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.say("beat", beat)
    assert [inner.captured for _, inner in bench.jobs("recorder1") if isinstance(inner, Seen)] == [20_000]
    bench.frame("door", 20_001)
    bench.say("beat", msgspec.structs.replace(beat, captured=40_000))
    assert bench.policy.invalid == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"run": RUN + 1},
        {"camera": "other"},
        {"sequence": 20_000, "previous": 1},
        {"sequence": 1, "previous": 0},
        {"live": False},
    ],
)
def test_forged_frames_are_counted_outside_the_ledger(bench: Bench, changes: dict[str, object]) -> None:
    bench.camera("door")
    bench.frame("door", 1)
    before = dict(bench.policy.desk.dropped)
    header = {"camera": "door", "sequence": 2, "previous": 1} | changes
    frame = Frame(
        run=RUN,
        live=True,
        captured_ns=1,
        width=4,
        height=4,
        ages={},
        encoding=Encoding.JPEG,
        age_ns=0,
        **{"camera": "door"} | {k: v for k, v in header.items() if k not in ("run", "live")},
    )
    frame = msgspec.structs.replace(frame, **{k: v for k, v in changes.items() if k in ("run", "live")})
    bench.say("door", frame, b"jpeg")
    assert bench.policy.invalid == 1
    assert bench.policy.desk.dropped == before


def test_what_makes_all_frames_of_a_run_invalid_is_logged_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.worker("detector1")
    bench.camera("door")
    for sequence, reason in enumerate(("not a JPEG", "not a JPEG", "its clock was set back"), start=1):
        bench.frame("door", sequence)
        [(job, _)] = bench.jobs("detector1")
        bench.say("detector1", Invalid(job=job.job, reason=reason))
    assert bench.policy.desk.dropped[Outcome.INVALID] == 3
    assert [record.getMessage() for record in caplog.records] == [
        "door: frame 1 is invalid: not a JPEG",
        "door: frame 3 is invalid: its clock was set back",
    ]


def test_previews_are_asked_for_only_while_watched_each_in_the_way_it_is_watched(bench: Bench) -> None:
    bench.worker("detector1", window=8)
    numbers: Iterator[int] = count(1)
    bench.camera("door")

    def previews() -> frozenset[Preview]:
        bench.frame("door", next(numbers))
        [(job, _)] = bench.jobs("detector1")
        return job.previews

    assert previews() == frozenset()
    bench.event(Subscribed(True, "preview/clear/door"))
    assert previews() == {Preview.CLEAR}
    bench.event(Subscribed(True, "preview/blurred/door"))
    assert previews() == {Preview.CLEAR, Preview.BLURRED}
    bench.event(Subscribed(False, "preview/clear/door"))
    assert previews() == {Preview.BLURRED}
    bench.event(Subscribed(False, "preview/blurred/door"))
    assert previews() == frozenset()


def test_crops_are_asked_for_only_while_somebody_wants_them(bench: Bench) -> None:
    bench.worker("detector1", window=8)
    numbers: Iterator[int] = count(1)
    bench.camera("door")

    def crops() -> bool:
        bench.frame("door", next(numbers))
        [(job, _)] = bench.jobs("detector1")
        return job.crops

    assert not crops()
    bench.event(Subscribed(True, "crop/yard"))
    assert not crops()
    bench.event(Subscribed(True, "crop/door"))
    assert crops()
    bench.event(Subscribed(False, "crop/door"))
    assert not crops()


def test_only_detectors_and_recorders_publish(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.camera("door")
    bench.say("recorder1", Feed(topic="result/door"), b"{}")
    bench.say("door", Feed(topic="result/door"), b"forged")
    assert bench.announced == [Announce("result/door", b"{}")]
    assert bench.policy.invalid == 1


def frames_at_a_detector(bench: Bench) -> Iterator[Job]:
    """Send 400 frames of a camera, one by one; give the detector's job for each."""
    bench.worker("recorder1", 32)
    bench.worker("detector1")
    bench.camera("door")
    for sequence in range(1, 401):
        bench.frame("door", sequence)
        [(job, _)] = bench.jobs("detector1")
        yield job


def test_demand_is_load_over_workers(bench: Bench) -> None:
    for job in frames_at_a_detector(bench):
        bench.now += 0.05
        bench.result("detector1", job)
        bench.tick(0, alive=("recorder1",))
        bench.now += 0.05
    assert bench.policy.desk.demand("detector", bench.now) == pytest.approx(0.5, rel=0.1)


def test_demand_on_recorders_is_their_work_and_not_their_waiting(bench: Bench) -> None:
    for job in frames_at_a_detector(bench):
        bench.result("detector1", job)
        [(stored, _)] = bench.jobs("recorder1")
        bench.now += 0.02
        bench.say("recorder1", Done(jobs=(stored.job,), busy_ns=1_000_000))
        bench.now += 0.02
        bench.tick(0, alive=("detector1",))
    assert bench.policy.desk.demand("recorder", bench.now) == pytest.approx(0.025, rel=0.1)


def test_demand_counts_the_frames_that_a_live_camera_overwrote_for_want_of_room(bench: Bench) -> None:
    bench.worker("recorder1", 32)
    bench.worker("detector1")
    bench.camera("door")
    for sequence in range(4, 1601, 4):
        bench.frame("door", sequence, previous=max(0, sequence - 4))
        [(job, _)] = bench.jobs("detector1")
        bench.now += 0.1
        bench.result("detector1", job)
        bench.tick(0, alive=("recorder1",))
    assert bench.policy.desk.demand("detector", bench.now) == pytest.approx(4.0, rel=0.1)


def test_a_live_frame_is_acknowledged_when_it_leaves_the_queue(bench: Bench) -> None:
    bench.camera("door")
    bench.heads("door")
    bench.frame("door", 1)
    assert bench.heads("door") == []
    bench.worker("detector1", window=1)
    assert bench.heads("door") == [Ack(run=RUN, sequences=(1,))]
    bench.frame("door", 2)
    assert bench.heads("door") == []
    bench.tick(1.5, alive=("detector1",))
    assert bench.heads("door") == [Ack(run=RUN, sequences=(2,))]
