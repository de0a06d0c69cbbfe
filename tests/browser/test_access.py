"""Logging in and out in a real browser, and what viewer and admin find there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.config import DashboardSettings, Settings
from tests.browser.conftest import DEADLINE_MS, Served, serve
from tests.browser.drawn import wait_for_frame
from tests.fake_stack import process
from tests.waiting import wait_for

ADMIN, VIEWER = "admin-token-0123456789", "viewer-token-0123456789"
LOCKED = Settings(dashboard=DashboardSettings(admin_token=ADMIN, viewer_token=VIEWER))  # type: ignore[arg-type]


@pytest.fixture
def locked() -> Iterator[Served]:
    """The dashboard with tokens; clear pictures are allowed."""
    with serve(LOCKED) as served:
        served.store.blur = False
        served.store.processes = [process("detector", preview="clear")]
        yield served


def log_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.keyboard.press("Enter")


def test_a_deep_link_leads_through_the_login_and_on(page: Page, locked: Served) -> None:
    page.goto(f"{locked.url}#/system")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    log_in(page, VIEWER)
    expect(page).to_have_title("System · Mien")
    page.goto(f"{locked.url}#/")
    wait_for_frame(page, "desk")
    expect(page.get_by_role("button", name="Faces")).to_be_hidden()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert page.evaluate("() => document.cookie") == ""


def test_logging_out_shows_the_login_in_every_tab_and_wherever_the_cookie_was_copied(
    page: Page, browser: Browser, locked: Served
) -> None:
    page.goto(locked.url)
    log_in(page, VIEWER)
    wait_for_frame(page, "desk")
    elsewhere = browser.new_context()
    elsewhere.add_cookies([{**cookie, "sameSite": "Strict"} for cookie in page.context.cookies()])  # type: ignore[typeddict-item]
    others = [page.context.new_page(), elsewhere.new_page()]
    for other in others:
        other.set_default_timeout(DEADLINE_MS)
        other.goto(f"{locked.url}#/timeline")
        expect(other).to_have_title("Timeline · Mien")
    page.get_by_role("button", name="Log out").click()
    for each in (page, *others):
        expect(each.get_by_role("heading", name="Log in")).to_be_visible()
    assert not locked.feed.topics
    elsewhere.close()


def test_an_admin_asks_for_clear_faces_and_takes_it_back(page: Page, locked: Served) -> None:
    page.goto(locked.url)
    log_in(page, ADMIN)
    wait_for_frame(page, "desk")
    assert "preview/clear/desk" not in locked.feed.topics
    page.get_by_role("button", name="Faces: blurred").click()
    expect(page.get_by_role("button", name="Faces: clear")).to_have_attribute("aria-pressed", "true")
    wait_for(lambda: "preview/clear/desk" in locked.feed.topics, "subscribing to clear pictures")
    page.get_by_role("button", name="Faces: clear").click()
    wait_for(lambda: "preview/clear/desk" not in locked.feed.topics, "giving clear pictures up")


def test_nobody_need_log_in_where_there_are_no_tokens(page: Page, served: Served) -> None:
    page.goto(served.url)
    wait_for_frame(page, "desk")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_the_api_page_is_served_from_here_under_the_strict_policy(page: Page, served: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(90_000)  # Swagger UI is a large script
    page.goto(f"{served.url}docs", wait_until="commit")
    page.get_by_role("button", name="/api/cameras").first.click()
    page.get_by_role("button", name="Try it out").first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text(
        "200", timeout=60_000
    )
    assert all(url.startswith((served.url, "data:")) for url in asked)


def test_the_notice_for_the_room_says_what_the_setting_says_and_prints_nothing_else(page: Page) -> None:
    notice = "Museum of Clocks, exhibition research.\nQuestions: privacy@museum.example"
    with serve(Settings(dashboard=DashboardSettings(notice=notice))) as served:
        page.goto(f"{served.url}#/notice")
        expect(page.get_by_text("privacy@museum.example")).to_be_visible()
        expect(page.get_by_role("note")).to_be_hidden()
        page.emulate_media(media="print")
        expect(page.get_by_text("privacy@museum.example")).to_be_visible()
        for hidden in (
            page.get_by_role("banner"),
            page.get_by_role("contentinfo"),
            page.get_by_role("button"),
        ):
            expect(hidden.first).to_be_hidden()
