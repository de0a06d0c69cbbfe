"""Learning rates and stages, by steps and by time."""

import pytest

from shared.errors import DataError
from training.options import parse_seconds
from training.recipe import Recipe, check, learning_rate, standard_stages, summary, time_shares
from training.schedule import Schedule


def test_one_cosine_runs_over_both_sizes_and_ends_at_zero():
    _, small, large, final = standard_stages(10, 10, 2)
    assert learning_rate(small, 0, 1) == pytest.approx(1e-3)
    assert learning_rate(small, 1, 1) == pytest.approx(learning_rate(large, 0, 1)) == pytest.approx(5e-4)
    assert learning_rate(large, 1, 1) == pytest.approx(0, abs=1e-9)
    assert learning_rate(final, 0, 1) == pytest.approx(1e-4)
    assert learning_rate(small, 0, 0.1) == pytest.approx(1e-4)


def test_stages_without_epochs_are_left_out():
    assert [stage.name for stage in standard_stages(3, 0, 0)] == ["head", "small"]


def test_a_budget_is_shared_by_cost():
    shares = time_shares(standard_stages(4, 4, 0, (64, 128)))
    assert shares[-1] == 1
    assert shares[1] - shares[0] == pytest.approx((shares[2] - shares[1]) / 4)


def test_under_a_budget_the_clock_decides():
    now = [100.0]
    stages = standard_stages(4, 0, 0)
    schedule = Schedule(stages, 10, 1000, clock=lambda: now[0])
    end_of_head = 1000 * time_shares(stages)[0]
    schedule.enter(0, 0, 0.0)
    now[0] += end_of_head / 2
    assert schedule.share() == pytest.approx(0.5)
    now[0] += end_of_head / 2 + 0.001
    assert schedule.over()
    schedule.enter(1, 0, 0.0)
    assert not schedule.over()
    now[0] = 1100.0
    assert schedule.over()


def test_a_resumed_budget_goes_on_where_it_was():
    now = [0.0]
    schedule = Schedule(standard_stages(4, 0, 0), 10, 1000, clock=lambda: now[0])
    schedule.enter(1, 20, 600.0)
    now[0] = 50.0
    assert schedule.seconds() == 650.0


def test_without_a_budget_steps_decide_and_the_warm_up_ends():
    schedule = Schedule(standard_stages(4, 0, 0), 10, None)
    schedule.enter(1, 39, 0.0)
    assert schedule.warmth() == 1
    assert not schedule.over()
    schedule.advance()
    assert schedule.over()
    schedule.enter(1, 0, 0.0)
    assert schedule.warmth() == pytest.approx(0.2)


@pytest.mark.parametrize(("text", "seconds"), [("50m", 3000), ("2h", 7200), ("90", 90), ("1h30m", 5400)])
def test_times_are_read(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0s", "m5"])
def test_other_times_are_refused(text):
    with pytest.raises(DataError, match="no time"):
        parse_seconds(text)


def test_recipes_that_cannot_train_are_refused():
    with pytest.raises(DataError, match="no epochs"):
        check(Recipe(()))
    with pytest.raises(DataError, match="even"):
        check(Recipe(standard_stages(1, 0, 0), batch_size=7))


def test_a_summary_names_every_choice():
    found = summary(Recipe(standard_stages(2, 0, 1)))
    asked = "2 epochs asked for, at 64 pixels, learning rate from 0.001, trains everything"
    assert found["stage small"] == asked
    assert found["stage final"].endswith("without mixup and erasing")
    assert found["batch size"] == 64
