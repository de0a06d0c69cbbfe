"""A browser is sent as many pictures as it takes within a moment."""

import asyncio

import pytest

from services.dashboard.pace import FEWEST, FIRST, MOST, Pace
from services.dashboard.viewers import View, Viewer


class Browser:
    """Takes a picture every so many seconds, in order, and says so; time passes as it does."""

    def __init__(self, seconds_each: float) -> None:
        self.now = 0.0
        self.pace = Pace(lambda: self.now)
        self.pace.taken(0)
        self._each, self._sent_at, self._taken = seconds_each, [], 0

    def run(self, seconds: float) -> list[float]:
        """Send whenever it may; return how long each picture was under way."""
        until, under_way = self.now + seconds, []
        while self.now < until:
            while self.pace.may_send and len(self._sent_at) < 10_000:
                self.pace.sent()
                self._sent_at.append(self.now)
            self.now += self._each
            under_way.append(self.now - self._sent_at[self._taken])
            self._taken += 1
            self.pace.taken(self._taken)
        return under_way


@pytest.mark.parametrize("seconds_each", [0.02, 0.1, 0.4])
def test_pictures_do_not_pile_up_before_a_slow_browser(seconds_each: float) -> None:
    under_way = Browser(seconds_each).run(60)
    settled = under_way[len(under_way) // 2 :]
    assert max(settled) <= max(0.5, (FEWEST + 1) * seconds_each)


def test_a_quick_browser_soon_has_many_pictures_under_way() -> None:
    under_way = Browser(0.001).run(1)
    assert max(under_way) > 0.03


def test_a_browser_that_stops_taking_is_sent_nothing_more_until_it_goes_on() -> None:
    pace = Pace(lambda: 0.0)
    pace.taken(0)
    for _ in range(FIRST):
        pace.sent()
    assert not pace.may_send
    pace.taken(FIRST)
    assert pace.may_send


def test_who_never_says_what_it_takes_is_not_limited() -> None:
    pace = Pace()
    for _ in range(3 * MOST):
        pace.sent()
    assert pace.may_send


@pytest.mark.parametrize("pictures", [-1, 0, FIRST + 1, 10**9])
def test_what_can_not_be_changes_nothing(pictures: int) -> None:
    pace = Pace()
    pace.taken(0)
    for _ in range(FIRST):
        pace.sent()
    pace.taken(pictures)
    assert not pace.may_send


def test_while_pictures_wait_for_their_turn_texts_go_and_newer_pictures_replace_older_ones() -> None:
    async def scenario() -> list[object]:
        viewer = Viewer()
        viewer.taken(0)
        for number in range(FIRST):
            viewer.offer("door", View(None, b"%d" % number))
            await viewer.next()
        viewer.offer("door", View(b"{}", b"old"))
        viewer.offer("door", View(b"{}", b"new"))
        viewer.tell("#status", "status")
        said: list[object] = [await viewer.next()]
        viewer.taken(FIRST)
        return [*said, await viewer.next()]

    assert asyncio.run(scenario()) == ["status", View(b"{}", b"new")]
