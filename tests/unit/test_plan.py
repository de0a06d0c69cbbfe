"""The supervisor's policy: starts, restarts with backoff, scaling, stopping in order."""

from services.supervisor.plan import (
    DRAIN_SECONDS,
    GOOD_RUN_SECONDS,
    RESTART_MAX_SECONDS,
    RESTART_SECONDS,
    Kill,
    Plan,
    Stage,
    Start,
    State,
    Terminate,
)

STAGES = (Stage("capture", 1.0), Stage("classifier", 3.0), Stage("redis", 4.5))


def running_plan(**counts: int) -> Plan:
    plan = Plan(STAGES)
    for service, count in counts.items():
        plan.want(service, count)
    plan.tick(0.0)
    return plan


def test_starts_what_is_wanted_once() -> None:
    plan = Plan(STAGES)
    plan.want("classifier", 2)
    assert plan.tick(0.0) == [Start("classifier", "classifier-1"), Start("classifier", "classifier-2")]
    assert plan.tick(0.1) == []


def test_restarts_after_a_delay_that_doubles_up_to_ten_seconds() -> None:
    plan = running_plan(classifier=1)
    now, delays = 0.0, []
    for _ in range(8):
        assert plan.exited("classifier-1", now) is True
        due = plan.slots["classifier-1"].due
        assert plan.tick(due - 0.01) == []
        assert plan.tick(due) == [Start("classifier", "classifier-1")]
        delays.append(round(due - now, 6))
        now = due
    assert delays[:4] == [RESTART_SECONDS, 0.4, 0.8, 1.6]
    assert delays[-1] == RESTART_MAX_SECONDS
    assert plan.slots["classifier-1"].restarts == 8


def test_a_good_run_resets_the_delay() -> None:
    plan = running_plan(classifier=1)
    for _ in range(5):
        plan.exited("classifier-1", 0.0)
    plan.slots["classifier-1"].due = 1.0
    plan.tick(1.0)
    plan.exited("classifier-1", 1.0 + GOOD_RUN_SECONDS)
    assert plan.slots["classifier-1"].due == 1.0 + GOOD_RUN_SECONDS + RESTART_SECONDS


def test_scaling_up_and_down_keeps_the_lowest_numbers() -> None:
    plan = running_plan(classifier=1)
    plan.want("classifier", 3)
    assert plan.tick(1.0) == [Start("classifier", "classifier-2"), Start("classifier", "classifier-3")]
    plan.want("classifier", 1)
    assert plan.tick(2.0) == [Terminate("classifier-2"), Terminate("classifier-3")]
    assert plan.exited("classifier-2", 2.5) is False
    assert plan.tick(2.0 + DRAIN_SECONDS - 0.1) == []
    assert plan.tick(2.0 + DRAIN_SECONDS) == [Kill("classifier-3")]
    assert plan.tick(2.1 + DRAIN_SECONDS) == []
    plan.exited("classifier-3", 8.0)
    assert list(plan.slots) == ["classifier-1"]


def test_a_name_that_still_drains_is_started_again_once_it_is_gone() -> None:
    plan = running_plan(classifier=2)
    plan.want("classifier", 1)
    plan.tick(1.0)
    plan.want("classifier", 2)
    assert plan.tick(1.1) == []
    plan.exited("classifier-2", 1.5)
    assert plan.tick(1.5) == [Start("classifier", "classifier-2")]


def test_an_instance_that_waits_for_its_restart_goes_when_unwanted() -> None:
    plan = running_plan(classifier=1)
    plan.exited("classifier-1", 1.0)
    plan.want("classifier", 0)
    assert plan.tick(1.1) == []
    assert plan.slots == {}


def test_stops_stage_by_stage() -> None:
    plan = running_plan(redis=1, classifier=2, capture=1)
    plan.stop(10.0)
    assert plan.tick(10.0) == [Terminate("capture-1")]
    assert plan.tick(10.1) == []
    assert plan.exited("capture-1", 10.2) is False
    assert plan.tick(10.2) == [Terminate("classifier-1"), Terminate("classifier-2")]
    plan.exited("classifier-1", 10.3)
    plan.exited("classifier-2", 10.3)
    assert plan.tick(10.3) == [Terminate("redis-1")]
    assert not plan.over
    plan.exited("redis-1", 10.4)
    assert plan.over


def test_a_stage_that_overruns_is_killed_and_all_ends_in_time() -> None:
    plan = running_plan(redis=1, classifier=1, capture=1)
    plan.stop(10.0)
    plan.tick(10.0)
    assert plan.tick(11.0) == [Kill("capture-1")]
    plan.exited("capture-1", 11.0)
    assert plan.tick(11.0) == [Terminate("classifier-1")]
    assert plan.tick(13.0) == [Kill("classifier-1")]
    plan.exited("classifier-1", 13.0)
    plan.tick(13.0)
    assert plan.tick(14.5) == [Kill("redis-1")]


def test_a_draining_worker_gets_no_more_time_than_its_stage() -> None:
    plan = running_plan(classifier=1)
    plan.want("classifier", 0)
    plan.tick(9.0)
    plan.stop(9.5)
    assert plan.tick(9.6) == []
    assert plan.tick(12.5) == [Kill("classifier-1")]


def test_nothing_starts_once_stopping() -> None:
    plan = running_plan(capture=1, classifier=1)
    plan.exited("classifier-1", 1.0)
    plan.stop(1.1)
    plan.want("classifier", 4)
    assert plan.tick(1.2) == [Terminate("capture-1")]
    plan.exited("capture-1", 1.3)
    assert plan.over
    assert plan.tick(6.0) == []


def test_a_process_that_dies_while_stopping_is_not_started_again() -> None:
    plan = running_plan(capture=1, classifier=1)
    plan.stop(1.0)
    plan.tick(1.0)
    assert plan.exited("classifier-1", 1.1) is False
    assert [slot.state for slot in plan.slots.values()] == [State.STOPPING]
