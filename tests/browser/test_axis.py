"""The time axis: what is labelled lies where the clock here says so, also in weeks in which it changes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Served

DAY = 86_400
HOUR = 3600
Ticks = Callable[[str, str, int], dict[str, Any]]


@pytest.fixture
def ticks(browser: Browser, served: Served) -> Any:
    """Return (zone, first local moment, seconds) → what the axis labels on 800 pixels."""

    def ask(zone: str, since: str, seconds: int) -> dict[str, Any]:
        context = browser.new_context(timezone_id=zone)
        page = context.new_page()
        page.goto(f"{served.url}static/mien.svg")
        start = int(datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(zone)).timestamp())
        found: dict[str, Any] = page.evaluate(
            """async ([since, until]) => {
              const { clock, ticks } = await import("/static/axis.js");
              const { found, step } = ticks(since, until, 800);
              return { found, step, text: found.map((at) => clock(at, step, false)) };
            }""",
            [start, start + seconds],
        )
        context.close()
        found["local"] = [datetime.fromtimestamp(at, ZoneInfo(zone)) for at in found["found"]]
        return found

    return ask


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("Europe/Berlin", "2026-10-22T09:00"),
        ("Europe/Berlin", "2026-03-26T09:00"),
        ("America/New_York", "2026-10-29T09:00"),
        ("Asia/Kathmandu", "2026-10-22T09:00"),
    ],
)
def test_days_are_labelled_at_midnight_over_a_change_of_the_clock(
    ticks: Ticks, zone: str, since: str
) -> None:
    found = ticks(zone, since, 8 * DAY)
    assert found["step"] == DAY
    assert {moment.strftime("%H:%M") for moment in found["local"]} == {"00:00"}
    days = [moment.toordinal() for moment in found["local"]]
    assert days == list(range(days[0], days[0] + 7))
    assert len(set(found["text"])) == 7


@pytest.mark.parametrize(
    ("since", "hours"),
    [("2026-10-24T22:00", [0, 3, 6, 9, 12, 15, 18]), ("2026-03-28T22:00", [0, 3, 6, 9, 12, 15, 18, 21])],
)
def test_hours_are_whole_ones_after_it(ticks: Ticks, since: str, hours: list[int]) -> None:
    found = ticks("Europe/Berlin", since, DAY)
    assert found["step"] == 3 * HOUR
    assert [moment.hour for moment in found["local"]][: len(hours)] == hours


def test_an_hour_that_is_skipped_is_labelled_once(ticks: Ticks) -> None:
    found = ticks("Europe/Berlin", "2026-03-29T00:30", 8 * HOUR)
    assert found["step"] == HOUR
    assert [moment.hour for moment in found["local"]] == [1, 3, 4, 5, 6, 7, 8, 9]


def test_minutes_are_labelled_throughout_the_hour_that_comes_twice(ticks: Ticks) -> None:
    found = ticks("Europe/Berlin", "2026-10-25T01:00", 3 * HOUR)
    assert found["step"] == 1800
    assert [moment.strftime("%H:%M") for moment in found["local"]] == [
        "01:00", "01:30", "02:00", "02:30", "02:00", "02:30",
    ]  # fmt: skip
