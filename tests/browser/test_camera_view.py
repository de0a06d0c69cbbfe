"""One camera large, in a real browser: all shares of every face, and its last minute."""

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.drawn import wait_for_frame
from tests.fake_stack import face, result, scene


def test_a_click_on_a_tile_shows_all_shares_of_each_face_raw_and_smoothed(page: Page, served: Served) -> None:
    reading = face((60, 60, 90, 90), "sad", 0.7)
    reading["smoothed"] = {**reading["smoothed"], "sad": 0.61}
    served.feed._make = lambda n: (scene(n)[0], [reading])
    page.goto(served.url)
    wait_for_frame(page, "desk")
    page.locator("article[data-camera=desk]").click()
    expect(page).to_have_url(f"{served.url}#/camera/desk")
    card = page.locator(".face")
    expect(card.get_by_role("heading")).to_have_text("sad")
    expect(card.locator("tbody tr")).to_have_count(7)
    sad = card.get_by_role("row", name="sad")
    expect(sad.get_by_role("cell")).to_have_text(["70 %", "61 %"])
    assert served.feed.topics == {"result/desk", "preview/blurred/desk"}


def test_an_uncertain_face_is_shown_as_such(page: Page, served: Served) -> None:
    served.feed._make = lambda n: (scene(n)[0], [face((60, 60, 90, 90), "fear", 0.4)])
    page.goto(f"{served.url}#/camera/desk")
    expect(page.locator(".face").get_by_role("heading")).to_have_text("uncertain · perhaps fear")


def test_the_history_begins_with_what_was_recorded_before(page: Page, served: Served) -> None:
    now = time.time_ns()
    served.store.recorded["desk"] = [
        {**result("desk", n, [face((1, 1, 9, 9), "sad")], now - (40 - n) * 250_000_000), "id": f"{n}-0"}
        for n in range(40)
    ]
    page.goto(f"{served.url}#/camera/desk")
    wait_for_frame(page, "desk")
    page.wait_for_function(
        """() => document.querySelector('.history path[fill="#0072b2"]')?.getBBox().height > 20"""
    )


def test_a_camera_that_does_not_exist_is_not_waited_for(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/camera/attic")
    expect(page.locator(".cover")).to_have_text("there is no camera attic")


@pytest.mark.parametrize("name", ["Door", "", "a" * 41, "door/2"])
def test_a_name_that_no_camera_can_have_is_no_reason_to_hang_up(
    page: Page, served: Served, name: str
) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{served.url}#/camera/{name}")
    expect(page.locator(".cover")).to_have_text(f"there is no camera {name}".strip())
    page.goto(f"{served.url}#/")
    wait_for_frame(page, "desk")
    expect(page.locator("#health")).to_have_text("all well")
    assert len(sockets) == 1


def test_a_history_has_a_name_before_it_is_drawn(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/notice")
    make = "async () => new (await import('/static/history.js')).History(['sad']).element.ariaLabel"
    assert page.evaluate(make) == "Last minute"
