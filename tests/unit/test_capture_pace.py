"""Rates, due times, waits between attempts and frozen pictures: all without a clock."""

import random

import numpy as np
import pytest

from services.capture.backoff import Backoff
from services.capture.frozen import FrozenWatch
from services.capture.pace import Limiter, Schedule


@pytest.mark.parametrize(
    ("source_fps", "limit", "expected"), [(30, 15, 150), (30, 10, 100), (10, 15, 100), (25, None, 250)]
)
def test_a_limit_takes_its_rate_and_no_more_than_the_source_has(source_fps, limit, expected):
    limiter = Limiter(limit)
    taken = sum(limiter.take(number / source_fps) for number in range(source_fps * 10))
    assert taken == pytest.approx(expected, abs=1)


def test_jitter_does_not_halve_the_rate():
    limiter, chance = Limiter(15), random.Random(1)
    times = [number / 30 + chance.uniform(-0.003, 0.003) for number in range(300)]
    assert sum(limiter.take(at) for at in times) == pytest.approx(150, abs=2)


def test_after_a_gap_frames_are_not_made_up_for():
    limiter = Limiter(10)
    assert limiter.take(0.0)
    taken = [at for at in np.arange(5.0, 6.0, 0.01) if limiter.take(float(at))]
    assert len(taken) == 10


def test_a_schedule_keeps_a_files_own_pace():
    schedule = Schedule()
    assert schedule.due(0.0, now=100.0) == 100.0
    assert schedule.due(0.04, now=100.001) == pytest.approx(100.04)
    assert schedule.due(0.08, now=100.9) == pytest.approx(100.08)


def test_after_a_pause_the_schedule_begins_anew():
    schedule = Schedule()
    schedule.due(0.0, now=100.0)
    assert schedule.due(0.04, now=160.0) == 160.0
    assert schedule.due(0.08, now=160.01) == pytest.approx(160.04)


def test_waits_grow_to_the_ceiling_and_start_again_after_success():
    backoff = Backoff(1, 30, random.Random(3))
    ceilings = [1, 2, 4, 8, 16, 30, 30, 30]
    waits = [backoff.next() for _ in ceilings]
    assert all(0.1 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert max(waits) > 8
    backoff.succeeded()
    assert backoff.next() <= 1


def test_jitter_is_full():
    waits = [Backoff(1, 30, random.Random(seed)).next() for seed in range(300)]
    assert min(waits) < 0.2
    assert max(waits) > 0.9


def test_backoff_survives_any_number_of_failures():
    backoff = Backoff(1, 30, random.Random(3))
    assert all(backoff.next() <= 30 for _ in range(5000))


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


def test_one_picture_repeated_is_frozen_after_the_limit():
    watch, picture = FrozenWatch(10, "door"), noise(1)
    verdicts = [watch.is_frozen(picture, now) for now in np.arange(0.0, 12.0, 1.0)]
    assert verdicts == [False] * 10 + [True] * 2


def test_a_change_anywhere_is_life():
    """Also one that the sparse sample does not see."""
    watch, picture = FrozenWatch(10, "door"), noise(1)
    for now in range(60):
        picture[3, 5, 0] = now
        assert not watch.is_frozen(picture, float(now))


def test_a_watch_without_limit_never_barks():
    watch = FrozenWatch(0, "door")
    assert not any(watch.is_frozen(noise(1), now) for now in (0.0, 1e6))


def test_each_third_frame_of_those_that_the_rate_lets_through():
    limiter = Limiter(10, every=3)
    taken = [number for number in range(20) if limiter.take(number / 20)]
    assert taken == [0, 6, 12, 18]
