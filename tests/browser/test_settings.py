"""The settings of the running stack are shown and changed; what is lost is asked about first."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from services.dashboard import control
from shared.topology import MAX_WORKERS
from tests.browser.conftest import Served
from tests.browser.line import Line
from tests.browser.test_cameras import patches


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page believe that `mien up` runs the stack."""
    monkeypatch.setattr(control, "is_supervised", lambda run_dir: True)


def card(page: Page, setting: str) -> Any:
    return page.locator(f"[data-setting={setting}]")


def test_clear_faces_are_asked_about_and_blurring_is_not(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/settings")
    card(page, "blur").get_by_role("button", name="Show faces clearly").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep them blurred").click()
    expect(dialog).to_have_count(0)
    assert served.store.wanted().blur
    card(page, "blur").get_by_role("button", name="Show faces clearly").click()
    dialog.get_by_role("button", name="Show them").click()
    expect(card(page, "blur")).to_contain_text("may be shown clearly")
    assert not served.store.wanted().blur
    card(page, "blur").get_by_role("button", name="Blur faces").click()
    expect(card(page, "blur")).to_contain_text("are blurred before")
    assert served.store.wanted().blur


@pytest.mark.usefixtures("supervised")
def test_what_is_typed_outlives_a_lost_connection(page: Page, served: Served) -> None:
    line = Line(page)
    read: list[str] = []
    page.on("request", lambda request: read.append(request.url) if "/api/settings" in request.url else None)
    page.goto(f"{served.url}#/settings")
    expect(page.locator("#health")).to_have_text("all well")
    card(page, "counts").get_by_label("Classifiers").fill("4")
    line.cut()
    expect(page.locator("#health")).to_have_text("out of reach")
    expect(page.locator("#health")).to_have_text("all well")
    expect(card(page, "counts").get_by_label("Classifiers")).to_have_value("4")
    assert len(read) == 1
    page.goto("about:blank")


def test_settings_that_could_not_be_read_come_with_the_connection(page: Page, served: Served) -> None:
    line = Line(page)
    page.route("**/api/models", lambda route: route.abort("connectionrefused"))
    page.goto(f"{served.url}#/settings")
    expect(page.locator("main .empty")).to_have_text("The dashboard does not answer.")
    page.unroute("**/api/models")
    line.cut()
    expect(card(page, "blur")).to_be_visible()
    page.goto("about:blank")


@pytest.mark.usefixtures("supervised")
def test_counts_are_set_where_the_supervisor_runs_the_stack(page: Page, served: Served) -> None:
    sent = patches(page)
    page.goto(f"{served.url}#/settings")
    counts = card(page, "counts")
    counts.get_by_label("Recorders").fill("99")
    counts.get_by_role("button", name="Change").click()
    expect(counts.get_by_label("Recorders")).to_have_attribute("aria-invalid", "true")
    expect(counts.get_by_label("Recorders")).to_have_attribute("max", str(MAX_WORKERS["recorder"]))
    counts.get_by_label("Recorders").fill("1")
    counts.get_by_label("Classifiers").fill("4")
    counts.get_by_role("button", name="Change").click()
    expect(page.locator(".notice")).to_contain_text("starts and stops processes")
    assert sent == [{"classifiers": 4}]
    assert served.store.wanted().classifiers == 4
    counts.get_by_label("Recorders").fill("0")
    counts.get_by_role("button", name="Change").click()
    expect(page.get_by_role("dialog")).to_contain_text("no result comes from any camera")
    page.keyboard.press("Escape")
    assert len(sent) == 1


def test_without_a_supervisor_counts_are_shown_with_the_remedy(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/settings")
    expect(card(page, "counts")).to_contain_text("mien up")
    expect(card(page, "counts").get_by_role("spinbutton")).to_have_count(0)


def test_a_model_is_chosen_among_those_there_are(page: Page, served: Served) -> None:
    model = {"accuracy": 0.64, "note": "", "provisional": False, "configured": False, "files": []}
    models = [
        {**model, "path": "/models/one", "name": "one", "state": "good", "wanted": True},
        {**model, "path": "/models/two", "name": "two", "state": "good", "wanted": False},
        {**model, "path": "/models/bad", "name": "bad", "state": "card.json is missing", "wanted": False},
    ]
    sent: list[Any] = []

    def take(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        sent.append(json.loads(route.request.post_data or ""))
        route.fulfill(json={})

    page.route("**/api/models", lambda route: route.fulfill(json=models))
    page.goto(f"{served.url}#/settings")
    expect(page.get_by_role("radio", name="one")).to_be_checked()
    expect(page.get_by_role("radio", name="bad")).to_be_disabled()
    expect(card(page, "model")).to_contain_text("card.json is missing")
    page.route("**/api/settings", take)
    page.get_by_role("radio", name="two").check()
    page.get_by_role("button", name="Use this model").click()
    expect(page.locator(".notice")).to_contain_text("change to two")
    assert sent == [{"model": "/models/two"}]
