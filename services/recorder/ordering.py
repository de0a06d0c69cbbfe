"""Puts one camera's frames in order and decides what is skipped, late or lost; no Redis, no pictures."""

import heapq
from collections import deque
from itertools import count
from typing import Final, NamedTuple

from services.recorder.holes import Holes
from services.recorder.notices import Notice, first_of, last_of, late_spans
from shared.messages import MAX_SEQUENCE_JUMP, End, Gone, JobId, Outcome, Result, Seen
from shared.records import HOLE, Cursor, Span
from shared.topology import RECORDED_WINDOW, RECORDER
from shared.work import Work

LOST_SECONDS: Final = 2.0
"""Beyond the deadline: after this a frame that nobody speaks of is lost."""
DAY_MS: Final = 86_400_000
CROWD: Final = RECORDER.window * 3 // 4
"""More must not wait: the missing frame itself could no longer be given to this recorder."""


class Patience(NamedTuple):
    """How long to wait for what, in seconds.

    Attributes:
        reorder: for a frame of a live camera while a later result waits; afterwards it is skipped.
        notice: the same while only notices of later, dropped frames wait: they hold nothing up.
        live: for what became of a skipped or never seen frame of a live camera; afterwards it is lost.
        recorded: the same for a recorded camera, from the last sign of its ended run; and for a frame that
            its source can't hold any more.
    """

    reorder: float
    notice: float
    live: float
    recorded: float


class Step(NamedTuple):
    """One move of the ledger: spans, then at most one result, and the jobs that it closes."""

    run: int
    live: bool
    base: int
    captured: int
    spans: tuple[Span, ...] = ()
    work: Work | None = None
    """The result to record, which is next in order."""
    jobs: tuple[JobId, ...] = ()
    ended: bool = False


class _Item(NamedTuple):
    """A result or a dropped range that waits for its turn. Heaps compare the first three fields."""

    first: int
    last: int
    number: int
    arrived: float
    outcome: str
    work: Work | None
    job: JobId | None


class _Run:
    """One opening of the camera."""

    def __init__(self, run: int, live: bool, sequence: int, captured: int) -> None:
        self.run, self.live = run, live
        self.sequence = sequence
        """All up to here is accounted for, or a hole."""
        self.captured = captured
        self.waiting: list[_Item] = []
        self.marks: deque[tuple[float, int]] = deque()
        """(time, n): what is not accounted for up to n by then is lost."""
        self.end_jobs: list[JobId] = []


class Order:
    """The order of one camera's frames. Times are seconds on any clock that does not jump.

    Call `refusal` first, then `add`; `advance` says what became due by time; `take` gives the steps.
    """

    def __init__(self, cursor: Cursor, patience: Patience, now: float) -> None:
        self._patience = patience
        self._numbers = count()
        self._steps: list[Step] = []
        self._refused = (0, 0)
        """Run and number of the last notice refused for a jump, (0, 0) once another one was taken."""
        self._run = _Run(cursor.run, cursor.live, cursor.sequence, cursor.captured)
        self._before = (cursor.before_run, cursor.before_captured)
        self._holes = Holes()
        self._holes.adopt(cursor.holes, now + self._grace())
        if cursor.captured > cursor.sequence and (cursor.live or cursor.ended):
            self._run.marks.append((now + self._grace(), cursor.captured))

    @property
    def is_waiting(self) -> bool:
        """Some result or notice is not next in order."""
        return bool(self._run.waiting)

    @property
    def is_settled(self) -> bool:
        """Nothing waits for anything."""
        run = self._run
        open_ends = run.waiting or run.marks or run.end_jobs or self._holes or self._steps
        return not open_ends and self._refused == (0, 0)

    def refusal(self, notice: Notice, wall_ms: int) -> str | None:
        """Return why a notice can't be true, None if it can.

        A jump of the sequence is believed when a second notice tells of it: so many results may have
        died with a broker, but one notice alone may be wrong.

        Args:
            notice: what came.
            wall_ms: wall clock: a run's name is the time of its opening, or later.
        """
        run = self._run.run
        if notice.run > max(wall_ms, run) + DAY_MS:
            return f"run {notice.run} lies in the future"
        known = {run: self._run.captured, self._before[0]: self._before[1]}.get(notice.run)
        if known is None and notice.run < run and not self._holes.has_any_of(notice.run):
            return f"run {notice.run} is older than run {run}, nothing of it is open: was a clock set back?"
        first = first_of(notice)
        if known is not None and first > known + MAX_SEQUENCE_JUMP and not self._is_second(notice):
            return f"sequence jumps from {known} to {first}, over {MAX_SEQUENCE_JUMP}"
        return None

    def _is_second(self, notice: Notice) -> bool:
        """Say whether the notice before this one was refused for a jump to nearly the same place.

        What the broker makes of a refused notice, or of a number left out before it, says nothing new.
        """
        if isinstance(notice, Gone):
            return False
        run, sequence = self._refused
        if notice.run == run and 0 < abs(first_of(notice) - sequence) <= MAX_SEQUENCE_JUMP:
            return True
        self._refused = (notice.run, first_of(notice))
        return False

    def add(self, work: Work, now: float) -> None:
        """Take a notice; whatever is next in order becomes a step."""
        notice = work.message.header
        assert isinstance(notice, Notice)
        if notice.run > self._run.run:
            self._open_run(notice, now)
        if notice.run < self._run.run:
            self._add_to_older(notice, work.id, now)
        else:
            self._add_to_current(notice, work, now)
            self._drain()
            self._finish_ended()
        self._refused = (0, 0)

    def advance(self, now: float) -> None:
        """Skip what was waited for long enough, and give up what is not heard of any more."""
        run = self._run
        if run.live and run.waiting:
            self._drain(
                max((item.last for item in run.waiting if self._is_overdue(item, now)), default=0), now
            )
            if len(run.waiting) > CROWD:
                self._drain(run.waiting[0].first, now)
        elif self._is_given_up(now):
            self._drain(run.waiting[0].first, now)
        while run.marks and (run.marks[0][0] <= now or run.marks[0][1] <= run.sequence):
            self._give_up(run.marks.popleft()[1], now)
        for of_run, span in self._holes.expired(now):
            self._steps.append(Step(of_run, run.live, run.sequence, 0, (span,)))
        self._finish_ended()

    def adopt(self, cursor: Cursor, now: float) -> None:
        """Catch up with what another recorder wrote to the ledger, and take over the holes it left."""
        run = self._run
        if cursor.run > run.run:
            self._leave_run(now)
            self._run = _Run(cursor.run, cursor.live, cursor.sequence, cursor.captured)
            self._before = max(self._before, (cursor.before_run, cursor.before_captured))
        elif cursor.run == run.run and cursor.sequence > run.sequence:
            run.sequence, run.captured = cursor.sequence, max(run.captured, cursor.captured)
            self._drain()
            self._finish_ended()
        self._holes.adopt(cursor.holes, now + self._grace())

    def take(self) -> list[Step]:
        """Return the steps since the last call, in the order in which they are to be written."""
        steps, self._steps = self._steps, []
        return steps

    # --- the current run ------------------------------------------------------------------------

    def _leave_run(self, now: float) -> None:
        old = self._run
        if old.run:
            self._drain(old.captured, now)
            self._holes.open(old.run, old.sequence + 1, old.captured, now + self._grace())
            if old.end_jobs:
                self._emit(jobs=tuple(old.end_jobs), ended=True)
            self._before = (old.run, old.captured)

    def _open_run(self, notice: Notice, now: float) -> None:
        old, first = self._run, first_of(notice)
        self._leave_run(now)
        # A run usually starts at 1; in the middle of one, Redis was emptied, and counting starts here.
        base = first - 1 if first > MAX_SEQUENCE_JUMP else 0
        self._run = _Run(notice.run, old.live if isinstance(notice, Gone) else notice.live, base, base)

    def _add_to_current(self, notice: Notice, work: Work, now: float) -> None:
        run, first = self._run, first_of(notice)
        if first > run.captured + MAX_SEQUENCE_JUMP:  # the second that says so: the first was refused
            run.captured = min(first, self._refused[1]) - 1
            self._give_up(run.captured, now)
        if isinstance(notice, Result):
            run.live = notice.live
            self._wait(notice.sequence, notice.sequence, Outcome.LATE, now, work, work.id)
        elif isinstance(notice, Gone):
            self._wait(notice.first, notice.last, notice.reason, now, None, work.id)
        else:
            self._hear_captured(notice, work.id, now)
        if run.end_jobs and not run.live:  # a recorded frame may be tried again: wait from the last sign on
            run.marks = deque([(now + self._grace(), run.captured)])

    def _hear_captured(self, notice: Seen | End, job: JobId, now: float) -> None:
        run = self._run
        run.live = notice.live
        run.captured = max(run.captured, notice.captured)
        if run.live and notice.captured > run.sequence:
            run.marks.append((now + self._grace(), notice.captured))
        if isinstance(notice, End):
            run.end_jobs.append(job)
            if notice.sent < notice.captured:
                self._wait(notice.sent + 1, notice.captured, Outcome.OVERTAKEN, now, None, None)
        self._emit(jobs=() if isinstance(notice, End) else (job,))

    def _wait(
        self, first: int, last: int, outcome: str, now: float, work: Work | None, job: JobId | None
    ) -> None:
        self._run.captured = max(self._run.captured, last)
        heapq.heappush(self._run.waiting, _Item(first, last, next(self._numbers), now, outcome, work, job))

    def _drain(self, force_until: int = 0, now: float = 0.0) -> None:
        """Emit what is next in order; up to `force_until` also what is not, skipping what is missing."""
        run, spans, jobs, base = self._run, list[Span](), list[JobId](), self._run.sequence
        while run.waiting and run.waiting[0].first <= max(run.sequence + 1, force_until):
            item = heapq.heappop(run.waiting)
            if item.first > run.sequence + 1:
                spans.append(Span(run.sequence + 1, item.first - 1, HOLE))
                self._holes.open(run.run, run.sequence + 1, item.first - 1, now + self._grace())
            jobs += [item.job] if item.job else []
            is_next = item.last > run.sequence
            self._holes.close(run.run, item.first, item.last)
            run.sequence = max(run.sequence, item.last)
            if item.work and is_next:
                self._emit(base, tuple(spans), item.work, tuple(jobs))
                spans, jobs, base = [], [], run.sequence
            else:
                spans.append(Span(item.first, item.last, item.outcome))
        if spans:
            self._emit(base, tuple(spans), None, tuple(jobs))

    def _is_overdue(self, item: _Item, now: float) -> bool:
        return now - item.arrived >= (self._patience.reorder if item.work else self._patience.notice)

    def _is_given_up(self, now: float) -> bool:
        """Say whether a recorded source does not hold the missing frame any more: it had its acknowledgement.

        Results that wait here are unacknowledged: as many as a source's window holds leave it no room for
        another frame. So many notices that the frame could not be given to this recorder end it, too.
        """
        waited = [item for item in self._run.waiting if now - item.arrived >= self._patience.recorded]
        results = {item.first for item in waited if item.work}
        return len(results) >= RECORDED_WINDOW or len(waited) > CROWD

    def _give_up(self, captured: int, now: float) -> None:
        run = self._run
        self._drain(captured, now)
        if run.sequence < captured:
            base, run.sequence = run.sequence, captured
            self._emit(base, (Span(base + 1, captured, Outcome.LOST),))

    def _finish_ended(self) -> None:
        """Close END once the run is accounted for: until then another recorder would have to hear of it."""
        run = self._run
        if run.end_jobs and run.sequence >= run.captured and not self._holes.has_any_of(run.run):
            run.marks.clear()
            self._emit(jobs=tuple(run.end_jobs), ended=True)
            run.end_jobs = []

    def _emit(
        self,
        base: int | None = None,
        spans: tuple[Span, ...] = (),
        work: Work | None = None,
        jobs: tuple[JobId, ...] = (),
        ended: bool = False,
    ) -> None:
        run = self._run
        base = run.sequence if base is None else base
        self._steps.append(Step(run.run, run.live, base, run.captured, spans, work, jobs, ended))

    # --- older runs and holes -------------------------------------------------------------------

    def _add_to_older(self, notice: Notice, job: JobId, now: float) -> None:
        captured = last_of(notice)
        before_run, before_captured = self._before
        if notice.run == before_run and captured > before_captured:
            self._holes.open(before_run, before_captured + 1, captured, now + self._grace())
            self._before = (before_run, captured)
        spans = tuple(late_spans(notice))
        for span in spans:
            self._holes.close(notice.run, span.first, span.last)
        self._steps.append(Step(notice.run, self._run.live, 0, captured, spans, None, (job,)))

    def _grace(self) -> float:
        return self._patience.live if self._run.live else self._patience.recorded
