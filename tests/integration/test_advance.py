"""The ledger script against a pure model, on a real server: in whatever order things come, it balances."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import keys
from shared.messages import Outcome
from shared.records import HOLE, Advance, Facts, Recorded, Span
from shared.store import Store
from shared.store_figures import Books

CAMERA = "door"
MAX_HOLES = 10_000


def recorded(sequence: int, run: int = 1, tracks: int = 0, **counts: float) -> Recorded:
    document = {"run": run, "sequence": sequence, "captured_ns": 1}
    return Recorded(
        sequence=sequence,
        json=json.dumps(document).encode(),
        minute=61,
        counts={"frames": 1, **counts},
        facts=Facts(captured_ns=1, emotions={}, stages={}),
        results_seconds=60,
        minutes_seconds=600,
        tracks=tracks,
    )


def advance(run: int = 1, **fields: Any) -> Advance:
    return Advance(camera=CAMERA, run=run, live=True, **fields)


@dataclass
class Model:
    """What the script should do, frame by frame: each captured frame has exactly one fate."""

    run: int = 0
    sequence: int = 0
    captured: dict[int, int] = field(default_factory=dict)
    before: int = 0
    base: dict[int, int] = field(default_factory=dict)
    fates: dict[tuple[int, int], str] = field(default_factory=dict)
    stream: list[tuple[int, int]] = field(default_factory=list)
    ended: bool = False

    def apply(self, entry: Advance) -> Counter[str]:
        old = dict(self.fates)
        if entry.run > self.run:
            self._skip(self.run, self.sequence + 1, self.captured.get(self.run, 0))
            self.before, self.run, self.sequence, self.ended = self.run, entry.run, entry.base, False
            self.captured[entry.run] = entry.base
        for span in entry.spans:
            self._cover(entry.run, span)
        self._raise(entry.run, entry.captured)
        if entry.result:
            self._result(entry.run, entry.result.sequence)
        self.ended |= entry.ended and entry.run == self.run
        changed = {
            key: fate for key, fate in self.fates.items() if fate != HOLE and old.get(key) in (None, HOLE)
        }
        return Counter(changed.values())

    def holes(self) -> list[tuple[int, int]]:
        return sorted(key for key, fate in self.fates.items() if fate == HOLE)

    def _raise(self, run: int, captured: int) -> None:
        known = self.captured.get(run, 0)
        if captured <= known or run not in (self.run, self.before):
            return
        self.captured[run] = captured
        if run == self.before:
            self._skip(run, known + 1, captured)

    def _cover(self, run: int, span: Span) -> None:
        self._raise(run, span.last)
        if run == self.run and span.last > self.sequence:
            for number in range(self.sequence + 1, span.first):
                self.fates[run, number] = Outcome.LOST
            for number in range(max(span.first, self.sequence + 1), span.last + 1):
                self.fates[run, number] = span.outcome
        if span.outcome != HOLE:
            for number in range(
                span.first, min(span.last, self.sequence if run == self.run else span.last) + 1
            ):
                if self.fates.get((run, number)) == HOLE:
                    self.fates[run, number] = span.outcome
        if run == self.run:
            self.sequence = max(self.sequence, span.last)

    def _result(self, run: int, number: int) -> None:
        is_next = run == self.run and number > self.sequence
        self._raise(run, number)
        self._cover(run, Span(number, number, Outcome.RECORDED if is_next else Outcome.LATE))
        if is_next:
            self.stream.append((run, number))

    def _skip(self, run: int, first: int, last: int) -> None:
        self.fates.update({(run, number): HOLE for number in range(first, last + 1)})


numbers = st.integers(1, 40)
outcomes = st.sampled_from(
    [HOLE, HOLE, *(outcome.value for outcome in Outcome if outcome != Outcome.RECORDED)]
)
spans = st.builds(
    lambda first, length, outcome: Span(first, first + length, outcome), numbers, st.integers(0, 12), outcomes
)
entries = st.builds(
    lambda run, base, captured, spans, number, ended: advance(
        run,
        base=base,
        captured=captured,
        spans=tuple(spans),
        ended=ended,
        result=recorded(number, run) if number else None,
    ),
    st.integers(1, 4),
    st.sampled_from([0, 0, 0, 7]),
    st.one_of(st.just(0), numbers),
    st.lists(spans, max_size=3),
    st.one_of(st.just(0), numbers),
    st.booleans(),
)


@given(st.lists(st.tuples(entries, st.booleans()), max_size=25))
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_script_does_what_the_model_does_and_balances(
    store: Store, plan: list[tuple[Advance, bool]]
) -> None:
    store.forget_camera(CAMERA)
    model = Model()
    for entry, is_repeated in plan:
        changed = model.apply(entry)
        (applied,) = store.apply([entry])
        assert Counter(applied.counted) == changed
        assert applied.recorded == (changed[Outcome.RECORDED] == 1)
        if is_repeated:
            assert_changes_nothing(store, entry)
    assert_equal(store, model)


def assert_changes_nothing(store: Store, entry: Advance) -> None:
    before = (store.cursor(CAMERA), store.ledger(CAMERA), len(list(store.results(CAMERA))))
    (applied,) = store.apply([entry])
    assert not applied.recorded
    assert applied.counted == {}
    assert (store.cursor(CAMERA), store.ledger(CAMERA), len(list(store.results(CAMERA)))) == before


def assert_equal(store: Store, model: Model) -> None:
    cursor, ledger = store.cursor(CAMERA), store.ledger(CAMERA)
    captured, in_flight = ledger.pop("captured"), ledger.pop("in_flight")
    assert (cursor.run, cursor.sequence, cursor.ended) == (model.run, model.sequence, model.ended)
    assert list(cursor.holes) == model.holes()
    assert ledger == Counter(fate for fate in model.fates.values() if fate != HOLE)
    assert in_flight == len(cursor.holes) + cursor.captured - cursor.sequence
    assert captured == sum(ledger.values()) + in_flight
    assert store.books(CAMERA) == Books(in_flight, imbalance=0)
    assert [(result["run"], result["sequence"]) for result in store.results(CAMERA)] == model.stream
    assert len(set(model.stream)) == len(model.stream)


def test_a_result_is_written_once_however_often_it_comes(store: Store) -> None:
    entry = advance(result=recorded(1, tracks=3, faces=2, **{"seconds:happy": 0.067}))
    assert [applied.recorded for applied in store.apply([entry, entry, entry])] == [True, False, False]
    assert [result["sequence"] for result in store.results(CAMERA)] == [1]
    assert store.latest(CAMERA) == {"run": 1, "sequence": 1, "captured_ns": 1}
    assert store.cursor(CAMERA).tracks == 3
    (minute,) = store.minutes(CAMERA, 0, 120)
    assert (minute["minute"], minute["frames"], minute["faces"]) == (61, 1, 2)
    assert minute["seconds"] == {"happy": 0.067}


def test_a_skipped_frame_that_comes_after_all_is_late_and_not_written(store: Store) -> None:
    skip = advance(spans=(Span(1, 2, HOLE),), result=recorded(3))
    late = advance(result=recorded(1))
    applied = store.apply([skip, late, late])
    assert [one.counted for one in applied] == [{"recorded": 1}, {"late": 1}, {}]
    assert store.cursor(CAMERA).holes == ((1, 2),)
    assert [result["sequence"] for result in store.results(CAMERA)] == [3]


def test_a_new_run_keeps_what_the_old_one_left_open(store: Store) -> None:
    store.apply([advance(captured=5, result=recorded(2)), advance(run=2, result=recorded(1, run=2))])
    assert store.cursor(CAMERA).holes == ((1, 3), (1, 4), (1, 5))
    store.apply([advance(captured=6, spans=(Span(3, 6, "lost_worker"),))])
    assert store.cursor(CAMERA).holes == ()
    expected = {"captured": 7, "in_flight": 0, "lost": 1, "lost_worker": 4, "recorded": 2}
    assert store.ledger(CAMERA) == expected


def test_more_holes_than_may_be_kept_are_lost_at_once(store: Store) -> None:
    store.apply([advance(spans=(Span(1, MAX_HOLES + 5, HOLE),))])
    ledger = store.ledger(CAMERA)
    assert (ledger["lost"], ledger["in_flight"]) == (5, MAX_HOLES)
    store.apply([advance(spans=(Span(1, MAX_HOLES + 5, "lost"),))])
    assert store.ledger(CAMERA) == {"captured": MAX_HOLES + 5, "in_flight": 0, "lost": MAX_HOLES + 5}


def test_a_ledger_that_was_tampered_with_does_not_balance(store: Store) -> None:
    store.apply([advance(captured=5, spans=(Span(1, 1, HOLE),), result=recorded(2))])
    assert store.books(CAMERA) == Books(in_flight=4, imbalance=0)
    store._client.hincrby(keys.ledger(CAMERA), "captured", 2)
    assert store.books(CAMERA) == Books(in_flight=6, imbalance=2)


def test_numbers_near_the_largest_stay_exact(store: Store) -> None:
    run, sequence = 2**53 - 1, 2**53 - 2
    store.apply([advance(run, base=sequence - 1, result=recorded(sequence, run))])
    cursor = store.cursor(CAMERA)
    assert (cursor.run, cursor.sequence) == (run, sequence)
    assert store.ledger(CAMERA) == {"captured": 1, "in_flight": 0, "recorded": 1}


def test_redis_emptied_or_set_back_during_a_run_does_not_stop_the_ledger(store: Store) -> None:
    store.apply([advance(base=500_000, result=recorded(500_001))])
    store.apply([advance(base=500_010, result=recorded(500_011))])
    assert store.ledger(CAMERA) == {"captured": 11, "in_flight": 0, "lost": 9, "recorded": 2}


@pytest.mark.parametrize("length", [3, 2000])
def test_closing_a_range_below_the_cursor_counts_only_holes(store: Store, length: int) -> None:
    store.apply([advance(spans=(Span(1, 1, HOLE), Span(2, length - 1, "stale"), Span(length, length, HOLE)))])
    (applied,) = store.apply([advance(spans=(Span(1, length, "poison"),))])
    assert applied.counted == {"poison": 2}
