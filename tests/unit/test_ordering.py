"""Order of one camera's frames: what is next, what is skipped, what is late, what is lost."""

from typing import Any

import pytest

from services.recorder.notices import Notice
from services.recorder.ordering import CROWD, Order, Patience, Step
from shared.messages import End, Gone, JobId, Message, Outcome, Result, Seen
from shared.records import HOLE, Cursor, Span
from shared.topology import RECORDED_WINDOW
from shared.work import Work

PATIENCE = Patience(reorder=0.2, notice=1.0, live=3.0, recorded=5.0)
WALL_MS = 1_800_000_000_000


class Desk:
    """An order and the jobs given to it, numbered from 1."""

    def __init__(self, cursor: Cursor | None = None, live: bool = True) -> None:
        self.order = Order(cursor or Cursor(), PATIENCE, 0.0)
        self.live = live
        self.jobs = 0

    def result(self, sequence: int, now: float = 0.0, run: int = 1) -> list[Step]:
        return self.give(
            Result(
                camera="door", run=run, sequence=sequence, live=self.live, captured_ns=1, width=64, height=48,
                ages={}, detector="test",
            ),
            now,
        )  # fmt: skip

    def gone(
        self, first: int, last: int, reason: str = "stale", now: float = 0.0, run: int = 1
    ) -> list[Step]:
        return self.give(Gone(camera="door", run=run, first=first, last=last, reason=Outcome(reason)), now)

    def seen(self, captured: int, now: float = 0.0, run: int = 1) -> list[Step]:
        return self.give(Seen(camera="door", run=run, captured=captured, live=self.live), now)

    def end(self, captured: int, sent: int, now: float = 0.0, run: int = 1) -> list[Step]:
        return self.give(End(camera="door", run=run, captured=captured, sent=sent, live=self.live), now)

    def give(self, notice: Notice, now: float) -> list[Step]:
        assert self.order.refusal(notice, WALL_MS) is None
        self.jobs += 1
        self.order.add(Work(JobId(1, self.jobs), Message(notice), frozenset(), 0), now)
        return self.order.take()

    def wait(self, now: float) -> list[Step]:
        self.order.advance(now)
        return self.order.take()


def told(steps: list[Step]) -> list[Any]:
    """What steps say, in short: spans as tuples, results by sequence, closed jobs by number."""
    short: list[Any] = []
    for step in steps:
        short += [(span.first, span.last, span.outcome) for span in step.spans]
        short += [step.work.message.header.sequence] if step.work else []  # type: ignore[attr-defined]
        short += [f"done {job.number}" for job in step.jobs]
        short += ["ended"] if step.ended else []
    return short


def test_frames_in_order_pass_at_once() -> None:
    desk = Desk()
    assert told(desk.result(1)) == [1, "done 1"]
    assert told(desk.result(2)) == [2, "done 2"]


def test_a_frame_that_overtook_another_waits_for_it() -> None:
    desk = Desk()
    desk.result(1)
    assert desk.result(3, now=1.0) == []
    assert told(desk.wait(1.19)) == []
    assert told(desk.result(2, now=1.19)) == [2, "done 3", 3, "done 2"]


def test_a_live_frame_is_waited_for_200_ms_and_then_late() -> None:
    desk = Desk()
    desk.result(3, now=1.0)
    desk.result(4, now=1.1)
    assert told(desk.wait(1.21)) == [(1, 2, HOLE), 3, "done 1", 4, "done 2"]
    assert told(desk.result(2, now=1.3)) == [(2, 2, "late"), "done 3"]
    assert told(desk.wait(4.2)) == []
    assert told(desk.wait(4.3)) == [(1, 1, "lost")]
    assert desk.order.is_settled


def test_dropped_frames_are_not_waited_for() -> None:
    desk = Desk()
    assert desk.gone(2, 4, "overtaken") == []
    assert desk.result(5) == []
    assert told(desk.result(1)) == [1, "done 3", (2, 4, "overtaken"), 5, "done 1", "done 2"]


def test_notices_of_dropped_frames_alone_do_not_make_a_frame_late() -> None:
    desk = Desk()
    desk.gone(2, 3, "overtaken")
    desk.gone(4, 4, "overtaken", now=0.4)
    assert desk.wait(0.9) == []
    assert told(desk.result(1, now=0.9)) == [
        1,
        "done 3",
        (2, 3, "overtaken"),
        (4, 4, "overtaken"),
        "done 1",
        "done 2",
    ]
    desk.gone(6, 6, now=1.0)
    assert told(desk.wait(2.0)) == [(5, 5, HOLE), (6, 6, "stale"), "done 4"]


def test_so_many_notices_that_the_missing_frame_could_not_be_given_are_not_held() -> None:
    desk = Desk()
    for number in range(CROWD):
        desk.gone(2 * number + 2, 2 * number + 2)
    assert desk.wait(0.1) == []
    desk.gone(2 * CROWD + 2, 2 * CROWD + 2)
    assert told(desk.wait(0.1)) == [(1, 1, HOLE), (2, 2, "stale"), "done 1"]


def test_a_dropped_range_below_closes_holes() -> None:
    desk = Desk()
    desk.result(4)
    desk.wait(0.3)
    assert told(desk.gone(1, 3, "lost_worker", now=0.4)) == [(1, 3, "lost_worker"), "done 2"]
    assert desk.order.is_settled


def test_a_recorded_frame_is_waited_for_without_limit() -> None:
    desk = Desk(live=False)
    desk.result(2)
    assert desk.wait(1e6) == []
    assert told(desk.result(1, now=1e6)) == [1, "done 2", 2, "done 1"]


def test_a_recorded_frame_that_its_source_holds_no_more_is_skipped_and_lost() -> None:
    desk = Desk(Cursor(run=1, sequence=90, captured=90, live=False), live=False)
    for number in range(RECORDED_WINDOW):
        assert desk.wait(number) == []
        desk.result(101 + number, now=number)
    assert desk.wait(11.9) == []
    assert told(desk.wait(12.0))[:3] == [(91, 100, HOLE), 101, "done 1"]
    assert told(desk.gone(91, 91, "poison", now=13.0)) == [(91, 91, "poison"), f"done {RECORDED_WINDOW + 1}"]
    assert told(desk.wait(17.0)) == [(92, 100, "lost")]
    assert desk.order.is_settled


def test_a_recorded_frame_is_waited_for_while_its_source_may_hold_it() -> None:
    """Results that a source sends again to a new broker come twice and say no more than once."""
    desk = Desk(live=False)
    for _ in range(2):
        for number in range(2, RECORDED_WINDOW + 1):
            desk.result(number)
    desk.gone(RECORDED_WINDOW + 1, 100, "poison")
    assert desk.wait(1e6) == []
    assert told(desk.result(1, now=1e6))[:2] == [1, f"done {2 * RECORDED_WINDOW}"]


def test_a_recorded_frame_is_not_waited_for_where_notices_leave_no_room_for_it() -> None:
    desk = Desk(Cursor(run=1, live=False), live=False)
    for number in range(CROWD + 1):
        desk.gone(2 + number, 2 + number, "invalid")
    assert desk.wait(4.9) == []
    assert told(desk.wait(5.0))[:2] == [(1, 1, HOLE), (2, 2, "invalid")]


def test_the_same_result_twice_is_told_once() -> None:
    desk = Desk()
    desk.result(2)
    desk.result(2)
    assert told(desk.result(1)) == [1, "done 3", 2, "done 1", (2, 2, "late"), "done 2"]
    assert told(desk.result(1)) == [(1, 1, "late"), "done 4"]


def test_captured_frames_that_nobody_speaks_of_are_lost_after_their_time() -> None:
    desk = Desk()
    desk.result(1)
    (step,) = desk.seen(5, now=1.0)
    assert (step.captured, step.jobs) == (5, (JobId(1, 2),))
    desk.result(3, now=1.1)
    assert told(desk.wait(1.4)) == [(2, 2, HOLE), 3, "done 3"]
    assert told(desk.wait(3.9)) == []
    assert told(desk.wait(4.0)) == [(4, 5, "lost")]
    assert told(desk.wait(4.5)) == [(2, 2, "lost")]
    assert desk.order.is_settled


def test_end_is_closed_when_every_frame_is_accounted_for() -> None:
    desk = Desk()
    desk.result(1)
    assert told(desk.end(captured=6, sent=3)) == []
    assert told(desk.result(3)) == []
    assert told(desk.result(2)) == [2, "done 4", 3, "done 3", (4, 6, "overtaken"), "done 2", "ended"]
    assert desk.order.is_settled


def test_the_end_of_a_recorded_run_waits_from_its_last_sign_on() -> None:
    desk = Desk(live=False)
    desk.end(captured=3, sent=3)
    desk.result(2, now=4.0)
    assert desk.wait(8.9) == []
    told_ = told(desk.wait(9.0))
    assert told_ == [(1, 1, HOLE), 2, "done 2", (3, 3, "lost")]
    assert told(desk.wait(14.0)) == [(1, 1, "lost"), "done 1", "ended"]


def test_a_new_run_closes_the_old_one_and_its_open_frames_are_kept_for_a_while() -> None:
    desk = Desk()
    desk.result(2)
    desk.seen(4)
    steps = desk.result(1, run=2, now=0.1)
    assert told(steps) == [(1, 1, HOLE), 2, "done 1", 1, "done 3"]
    assert [step.run for step in steps] == [1, 2]
    assert told(desk.result(3, run=1, now=0.2)) == [(3, 3, "late"), "done 4"]
    assert told(desk.gone(4, 6, run=1, now=0.2)) == [(4, 6, "stale"), "done 5"]
    assert told(desk.wait(3.2)) == [(1, 1, "lost")]
    assert desk.order.is_settled


def test_an_old_run_that_captured_more_than_was_known_keeps_those_open() -> None:
    desk = Desk()
    desk.result(1)
    desk.result(1, run=2)
    (step,) = desk.seen(3, run=1)
    assert (step.run, step.captured) == (1, 3)
    assert told(desk.wait(3.0)) == [(2, 3, "lost")]


def test_a_new_recorder_goes_on_where_the_ledger_stands() -> None:
    desk = Desk(Cursor(run=1, sequence=7, captured=9, live=True, holes=((1, 5), (1, 6))))
    assert told(desk.result(7)) == [(7, 7, "late"), "done 1"]
    assert told(desk.result(8)) == [8, "done 2"]
    assert told(desk.gone(5, 5)) == [(5, 5, "stale"), "done 3"]
    assert told(desk.wait(3.0)) == [(9, 9, "lost"), (6, 6, "lost")]
    assert desk.order.is_settled


def refusal(order: Order, notice: Notice) -> str:
    return str(order.refusal(notice, WALL_MS))


def test_a_run_of_a_clock_that_was_set_back_is_refused_and_not_thrown_away_in_silence() -> None:
    desk = Desk(Cursor(run=WALL_MS, sequence=50, captured=50, before_run=7, before_captured=3))
    for run in (5, WALL_MS - 1):
        for notice in (
            Seen(camera="door", run=run, captured=1, live=True),
            Gone(camera="door", run=run, first=1, last=1, reason=Outcome.STALE),
        ):
            assert f"run {run} is older than run {WALL_MS}" in refusal(desk.order, notice)
    assert told(desk.gone(4, 4, run=7)) == [(4, 4, "stale"), "done 1"]


def test_of_older_runs_only_what_is_still_open_is_heard() -> None:
    desk = Desk(Cursor(run=9, sequence=1, captured=1, before_run=8, before_captured=1, holes=((2, 5),)))
    assert told(desk.gone(5, 5, run=2)) == [(5, 5, "stale"), "done 1"]
    assert "older than run 9" in refusal(desk.order, Seen(camera="door", run=2, captured=5, live=True))


def test_a_run_may_follow_one_of_a_clock_that_was_ahead_by_days() -> None:
    ahead = WALL_MS + 9 * 86_400_000
    desk = Desk(Cursor(run=ahead, sequence=5, captured=5))
    assert told(desk.result(6, run=ahead)) == [6, "done 1"]
    assert told(desk.result(1, run=ahead + 1)) == [1, "done 2"]


def test_the_run_before_is_the_one_that_another_recorder_began() -> None:
    desk = Desk()
    desk.result(1)
    desk.order.adopt(Cursor(run=3, sequence=1, captured=1, before_run=2, before_captured=4), 0.0)
    assert told(desk.gone(5, 5, run=2)) == [(5, 5, "stale"), "done 2"]
    assert desk.order.is_settled


def test_a_jump_of_sequence_and_a_run_in_the_future_are_refused() -> None:
    desk = Desk()
    desk.result(1)
    order = desk.order
    jump = Gone(camera="door", run=1, first=10_002, last=10_002, reason=Outcome.STALE)
    assert "jumps from 1 to 10002" in str(order.refusal(jump, WALL_MS))
    assert order.refusal(Seen(camera="door", run=1, captured=10_001, live=True), WALL_MS) is None
    future = Seen(camera="door", run=WALL_MS + 2 * 86_400_000, captured=1, live=True)
    assert "future" in str(order.refusal(future, WALL_MS))


def result_of(sequence: int, run: int = 1) -> Result:
    return Result(
        camera="door", run=run, sequence=sequence, live=True, captured_ns=1, width=64, height=48, ages={},
        detector="test",
    )  # fmt: skip


def test_what_died_with_a_broker_is_lost_and_the_run_goes_on() -> None:
    desk = Desk()
    desk.result(1)
    assert "jumps from 1 to 10901" in refusal(desk.order, result_of(10_901))
    gone = Gone(camera="door", run=1, first=10_901, last=10_901, reason=Outcome.INVALID)
    assert "jumps" in refusal(desk.order, gone)
    assert told(desk.result(10_902)) == [(2, 10_900, "lost")]
    assert told(desk.give(gone, 0.1)) == [(10_901, 10_901, "invalid"), 10_902, "done 3", "done 2"]
    assert told(desk.result(10_903)) == [10_903, "done 4"]
    assert desk.order.is_settled


def test_what_waits_before_a_jump_is_recorded_first() -> None:
    desk = Desk()
    desk.result(3)
    assert "jumps from 3 to 20000" in refusal(
        desk.order, Seen(camera="door", run=1, captured=20_000, live=True)
    )
    assert not desk.order.is_settled
    assert told(desk.result(19_999, now=0.1)) == [
        (1, 2, HOLE),
        3,
        "done 1",
        (4, 19_998, "lost"),
        19_999,
        "done 2",
    ]
    assert told(desk.gone(1, 2, now=0.1)) == [(1, 2, "stale"), "done 3"]
    assert desk.order.is_settled


def test_a_run_that_jumps_to_its_end_ends() -> None:
    desk = Desk()
    desk.result(1)
    assert "jumps" in refusal(desk.order, result_of(30_000))
    assert told(desk.end(captured=30_001, sent=30_000)) == [(2, 29_999, "lost")]
    assert told(desk.wait(3.0)) == [(30_000, 30_000, HOLE), (30_001, 30_001, "overtaken")]
    assert told(desk.wait(6.0)) == [(30_000, 30_000, "lost"), "done 2", "ended"]


def test_a_forged_number_alone_is_not_believed_however_often_it_comes() -> None:
    desk = Desk()
    desk.result(1)
    forged = result_of(10**12)
    for notice in (
        Gone(camera="door", run=1, first=10**12 - 5, last=10**12 - 1, reason=Outcome.OVERTAKEN),
        forged,
        Gone(camera="door", run=1, first=10**12, last=10**12, reason=Outcome.INVALID),
        Gone(camera="door", run=1, first=10**12 - 9, last=10**12, reason=Outcome.INVALID),
        forged,
        result_of(2 * 10**12),
    ):
        assert "jumps from 1 to" in refusal(desk.order, notice)
    assert told(desk.result(2)) == [2, "done 2"]
    assert "jumps from 2 to" in refusal(desk.order, result_of(2 * 10**12 + 1))


def test_the_run_before_may_jump_too() -> None:
    desk = Desk()
    desk.result(1)
    desk.result(1, run=2)
    assert "jumps from 1 to 20000" in refusal(desk.order, result_of(20_000))
    assert told(desk.seen(20_001)) == ["done 3"]
    assert told(desk.wait(3.0)) == [(10_002, 20_001, "lost")]
    assert desk.order.is_settled


@pytest.mark.parametrize(("first", "base"), [(1, 0), (9_000, 0), (500_001, 500_000)])
def test_counting_starts_in_the_middle_only_where_redis_knows_nothing_of_a_long_run(
    first: int, base: int
) -> None:
    desk = Desk()
    steps = desk.result(first) + desk.wait(1.0)
    assert steps[0].base == base
    assert told(steps)[-2:] == [first, "done 1"]


def test_spans_and_result_of_one_step_ascend_from_its_base() -> None:
    desk = Desk()
    desk.gone(3, 4)
    desk.result(6)
    steps = desk.wait(0.5)
    assert [(step.base, step.captured) for step in steps] == [(0, 6)]
    assert steps[0].spans == (Span(1, 2, HOLE), Span(3, 4, "stale"), Span(5, 5, HOLE))


def test_what_another_recorder_wrote_is_not_waited_for() -> None:
    desk = Desk(live=False)
    desk.result(1)
    assert desk.result(6) == []
    desk.order.adopt(Cursor(run=1, sequence=5, captured=5, live=False, holes=((1, 4),)), 0.0)
    assert told(desk.order.take()) == [6, "done 2"]
    assert told(desk.wait(5.0)) == [(4, 4, "lost")]


def test_a_run_that_another_recorder_began_closes_the_own_one() -> None:
    desk = Desk()
    desk.result(2)
    desk.order.adopt(Cursor(run=2, sequence=9, captured=9), 0.0)
    assert told(desk.order.take()) == [(1, 1, HOLE), 2, "done 1"]
    assert told(desk.result(10, run=2)) == [10, "done 2"]
