"""The broker's results while nobody takes them: within a bound, and no frame forgotten or said twice."""

from collections import Counter

import pytest

from services.broker.queues import ResultsQueue
from services.broker.tasks import Task, ranges
from shared.codec import encode
from shared.messages import End, Outcome, Seen

RUN = 1_700_000_000_000


class Bench:
    """A queue, and what was put into it."""

    def __init__(self, max_bytes: int) -> None:
        self.queue = ResultsQueue(max_bytes)
        self.pushed: Counter[tuple[str, int, int]] = Counter()
        self.given_up: list[Task] = []

    def push(self, task: Task) -> None:
        if task.frame:
            self.pushed.update((task.camera, task.run, n) for n in range(task.first, task.last + 1))
        self.queue.push(task)
        self.given_up += self.queue.shrink(Outcome.RECORDER_DOWN)

    def result(self, number: int, run: int = RUN, camera: str = "door") -> None:
        self.push(Task(camera, run, number, number, True, 0.0, [b"RESULT", bytes(300)]))

    def gone(self, first: int, last: int, reason: Outcome, run: int = RUN) -> None:
        self.push(Task("door", run, first, last, True, 0.0, reason=reason))

    def seen(self, captured: int, run: int = RUN) -> None:
        seen = Seen(camera="door", run=run, captured=captured, live=True)
        self.push(Task("door", run, 1, 1, True, 0.0, encode(seen), frame=False))

    def end(self, captured: int, run: int = RUN) -> None:
        end = End(camera="door", run=run, captured=captured, sent=captured, live=True)
        self.push(Task("door", run, 1, 1, True, 0.0, encode(end), frame=False))

    def drained(self) -> list[Task]:
        tasks = []
        for camera in self.queue.cameras():
            while task := self.queue.pop(camera):
                tasks.append(task)
        assert self.queue.bytes == 0
        frames = (task for task in tasks if task.frame)
        said = Counter(
            (task.camera, task.run, n) for task in frames for n in range(task.first, task.last + 1)
        )
        assert said == self.pushed
        return tasks


def test_the_oldest_results_become_one_range_and_the_newest_stay() -> None:
    bench = Bench(40_000)
    for number in range(1, 201):
        bench.result(number)
        assert bench.queue.bytes <= 40_000
    tasks = bench.drained()
    assert (tasks[0].first, tasks[0].reason) == (1, Outcome.RECORDER_DOWN)
    assert {task.reason for task in tasks[1:]} == {None}
    assert tasks[-1].first == 200
    assert [task.first for task in bench.given_up] == list(range(1, tasks[0].last + 1))


def test_what_is_seen_between_results_does_not_keep_the_queue_over_its_bound() -> None:
    bench = Bench(40_000)
    for number in range(1, 1001):
        bench.result(number)
        bench.seen(number)
        assert bench.queue.bytes <= 40_000
    kinds = [bytes(task.parts[0]) if task.parts else b"GONE" for task in bench.drained()]
    assert kinds[:2] == [b"GONE", b"SEEN"]


def test_reasons_that_alternate_become_one_range() -> None:
    bench = Bench(40_000)
    for first in range(1, 3001, 3):
        bench.gone(first, first + 1, Outcome.OVERTAKEN)
        bench.gone(first + 2, first + 2, Outcome.STALE)
        bench.seen(first + 2)
        assert bench.queue.bytes <= 40_000
    assert bench.given_up == []
    bench.drained()


def test_a_range_of_very_many_frames_costs_no_more_than_one_of_few() -> None:
    queue = ResultsQueue(2_000)
    for first in range(1, 10):
        reason = Outcome.STALE if first % 2 else Outcome.OVERTAKEN
        queue.push(Task("door", RUN, first * 10**12, (first + 1) * 10**12 - 1, True, 0.0, reason=reason))
        queue.shrink(Outcome.REDIS_DOWN)
    assert queue.bytes <= 2_000


def test_each_run_keeps_its_frames_and_its_end_in_the_order_of_runs() -> None:
    bench = Bench(12_000)
    for run in (RUN, RUN + 1, RUN + 2):
        for number in range(1, 31):
            bench.result(number, run)
            bench.seen(number, run)
        bench.end(30, run)
    tasks = bench.drained()
    assert [task.run for task in tasks] == sorted(task.run for task in tasks)
    ends = [task.run for task in tasks if task.parts and task.parts[0] == End.kind]
    assert ends == [RUN, RUN + 1, RUN + 2]


def test_what_cant_be_given_up_ends_the_attempt_and_the_others_still_give() -> None:
    bench = Bench(20_000)
    for run in range(RUN, RUN + 60):
        bench.gone(1, 1, Outcome.STALE, run)
        bench.end(1, run)
    for number in range(1, 101):
        bench.result(number, camera="yard")
    assert bench.given_up
    assert bench.queue.bytes < 90_000
    bench.drained()


@pytest.mark.parametrize(
    ("spans", "merged"),
    [
        ([], []),
        ([(5, 5), (1, 2), (3, 4)], [(1, 5)]),
        ([(1, 9), (2, 3), (11, 11)], [(1, 9), (11, 11)]),
    ],
)
def test_spans_that_touch_become_one(spans: list[tuple[int, int]], merged: list[tuple[int, int]]) -> None:
    assert ranges(spans) == merged
