"""The page's connection: a dead one is noticed and replaced, and a server that closes it is left in peace."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.line import Line

MINUTE_MS = 60_000


@pytest.fixture
def line(page: Page, served: Served) -> Iterator[Line]:
    """The connection, which the test may spoil."""
    page.clock.install()
    yield Line(page)
    page.goto("about:blank")


def test_a_line_that_is_dead_without_a_word_is_noticed_and_replaced(
    page: Page, served: Served, line: Line
) -> None:
    page.goto(f"{served.url}#/notice")
    health = page.locator("#health")
    expect(health).to_have_text("all well")
    line.is_dead = True
    page.clock.run_for(12_000)
    expect(health).to_have_text("out of reach")
    expect(page.locator("#remedies")).to_contain_text("No connection")
    line.is_dead = False
    expect(health).to_have_text("all well")
    assert len(line.sockets) > 1


def test_a_page_that_is_not_seen_keeps_a_silent_line(page: Page, served: Served, line: Line) -> None:
    page.goto(f"{served.url}#/notice")
    expect(page.locator("#health")).to_have_text("all well")
    line.is_dead = True
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    page.clock.run_for(MINUTE_MS)
    page.evaluate("1")
    expect(page.locator("#health")).to_have_text("all well")
    assert len(line.sockets) == 1


def test_a_server_that_closes_at_once_is_asked_less_and_less_often(
    page: Page, served: Served, line: Line
) -> None:
    page.add_init_script("Math.random = () => 0.5")
    page.goto(f"{served.url}#/notice")
    expect(page.locator("#health")).to_have_text("all well")
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    for wait in (500, 1000, 2000, 4000):
        line.cut()
        expect(page.locator("#health")).to_have_text("out of reach")
        known = len(line.sockets)
        page.clock.run_for(wait - 1)
        page.evaluate("1")
        assert len(line.sockets) == known
        page.clock.run_for(1)
        expect(page.locator("#health")).to_have_text("all well")
        assert len(line.sockets) == known + 1


def test_a_dashboard_that_does_not_answer_is_not_waited_for_for_ever(page: Page, served: Served) -> None:
    page.add_init_script(
        "window.limits = [];"
        "const soon = AbortSignal.timeout.bind(AbortSignal);"
        "AbortSignal.timeout = (limit) => { limits.push(limit); return soon(500); };"
    )
    page.route("**/api/models", lambda route: None)
    page.goto(f"{served.url}#/settings")
    expect(page.locator("main .empty")).to_have_text("The dashboard does not answer.")
    assert page.evaluate("Math.max(...limits)") == 30_000


def test_a_view_that_could_not_be_loaded_says_so_and_comes_with_the_dashboard(
    page: Page, served: Served, line: Line
) -> None:
    page.goto(f"{served.url}#/notice")
    expect(page.locator("#health")).to_have_text("all well")
    page.route("**/views/system.js", lambda route: route.abort("connectionrefused"))
    page.get_by_role("navigation").get_by_role("link", name="System").click()
    expect(page.get_by_role("alert")).to_contain_text("This view could not be loaded.")
    expect(page.get_by_role("button", name="Reload")).to_be_visible()
    page.unroute("**/views/system.js")
    line.cut()
    expect(page.locator("#verdict")).to_have_attribute("data-level", "good")
    expect(page.get_by_role("button", name="Reload")).to_have_count(0)
