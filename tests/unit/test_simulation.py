"""The simulation: deterministic, each frame with one fate, newest wins, fair shares, bounded time."""

import time
from dataclasses import replace

import pytest

from services.planner.engine import Engine, Process
from services.planner.formulas import Load
from services.planner.plan import make_plan, shards_of
from services.planner.recorder import Account
from services.planner.shard import Shard
from services.planner.simulate import simulate, simulate_shards
from shared.config import Settings
from shared.records import HOLE
from tests.unit.test_planner import COEFFICIENTS, COSTS

SMALL = Shard(
    cameras=4,
    fps=15,
    faces=1,
    detectors=1,
    classifiers=1,
    recorders=1,
    cores=2,
    costs=COSTS,
    skipped_frame_ms=0.5,
    spread=0.2,
)
OVERLOADED = replace(SMALL, fps=100)


def test_computations_share_the_cores_evenly() -> None:
    engine, ended = Engine(cores=2), []
    for name, seconds in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        engine.compute("x", seconds, lambda name=name: ended.append((name, round(engine.now, 6))))
    engine.run(10.0)
    # three on two cores: a and b have their second after 1.5 s; then c alone, which has one second left
    assert ended == [("a", 1.5), ("b", 1.5), ("c", 2.5)]
    assert engine.spent["x"] == 4.0


def test_a_process_does_one_thing_after_the_other() -> None:
    engine, ended = Engine(cores=4), []
    process = Process(engine, "x")
    for name in "ab":
        process.do(1.0, lambda name=name: ended.append((name, engine.now)))
    engine.at(1.5, lambda: process.do(1.0, lambda: ended.append(("c", engine.now))))
    engine.run(5.0)
    assert ended == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_an_account_counts_each_frame_once() -> None:
    account = Account()
    account.count(1, 2, "recorded")
    account.count(3, 4, HOLE)
    account.count(5, 5, "recorded")
    account.count(4, 6, "overtaken")
    account.count(3, 3, "late")
    account.count(1, 6, "lost")
    assert account.fates == {"recorded": 3, "overtaken": 2, "late": 1}
    assert not account.holes


def test_a_light_load_is_recorded_in_full_and_costs_what_its_frames_cost() -> None:
    seen = simulate(SMALL, 5.0)
    assert seen.fates == {"recorded": seen.offered}
    assert seen.per_second == pytest.approx(60, rel=0.02)
    assert seen.cores["detector"] == pytest.approx(60 * 5 / 1000 + 0.005, rel=0.1)
    # 1 ms of capture, 5 of detector, 2 + 3 of classifier, 20 + 0.5 of recorder, about 0.5 of broker
    assert seen.latency_ms(50) == pytest.approx(32, abs=4)


def test_the_same_seed_gives_the_same_and_another_one_does_not() -> None:
    first, again, other = (simulate(OVERLOADED, 2.0, seed).figures() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "shard",
    [
        SMALL,
        OVERLOADED,
        replace(OVERLOADED, cores=0.7),
        replace(SMALL, faces=0.0),
        replace(OVERLOADED, faces=2.5, detectors=3, classifiers=2, recorders=2, window=2),
        replace(OVERLOADED, deadline=0.05),
        replace(SMALL, detectors=0),
        replace(SMALL, classifiers=1, costs=COSTS, lease=0.5, cores=0.1),
    ],
)
def test_every_frame_has_exactly_one_fate(shard: Shard) -> None:
    seen = simulate(shard, 2.0)
    assert seen.offered > 0
    assert sum(seen.fates.values()) == seen.offered


def test_under_overload_the_newest_wins_and_latency_stays_bounded() -> None:
    seen = simulate(OVERLOADED, 5.0)
    assert seen.per_second < 220  # one detector takes 5 ms a frame
    assert seen.per_second > 120
    assert seen.fates["overtaken"] > 0.3 * seen.offered
    assert set(seen.fates) == {"recorded", "overtaken"}
    assert seen.latency_ms(99) < 200


def test_under_overload_cameras_get_fair_shares() -> None:
    low, high = simulate(replace(OVERLOADED, cameras=9), 5.0).per_camera
    assert low > 0.97 * high


def test_another_detector_records_more_where_there_are_cores() -> None:
    one, two = (simulate(replace(OVERLOADED, cores=8, detectors=n, classifiers=4), 3.0) for n in (1, 2))
    assert two.per_second > 1.6 * one.per_second


def test_with_nobody_to_look_frames_are_overtaken_or_stale() -> None:
    assert set(simulate(replace(SMALL, detectors=0), 3.0).fates) <= {"overtaken", "stale"}


def test_a_plans_own_shard_keeps_up() -> None:
    plan = make_plan(Load(cameras=60, fps=10, faces=1.5), COEFFICIENTS)
    seen = simulate_shards(shards_of(plan, COEFFICIENTS, Settings()), 3.0)
    assert seen.per_second == pytest.approx(600, rel=0.03)


def test_ten_thousand_cameras_finish_in_bounded_time() -> None:
    plan = make_plan(Load(cameras=10_000, fps=10, faces=1), COEFFICIENTS)
    began, shares = time.process_time(), list[float]()
    seen = simulate_shards(shards_of(plan, COEFFICIENTS, Settings()), 2.0, progress=shares.append)
    assert time.process_time() - began < 30
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert seen.cameras == 10_000
    assert sum(seen.fates.values()) == seen.offered
    assert seen.per_second > 90_000
