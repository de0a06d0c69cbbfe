"""The system page in a real browser: it shows the API's numbers, the verdict, and mends what it can."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Served
from tests.fake_stack import process
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def patience(page: Page, served: Served) -> Iterator[None]:
    """Wait longer than usual: a busy machine takes seconds to load a page; leave before the server does."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)
    page.goto("about:blank")


def system(url: str) -> dict[str, Any]:
    """Return the document that the page shows."""
    with urllib.request.urlopen(f"{url}api/system") as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def overload(served: Served, ratio: float = 1.4, host_busy: float = 0.4) -> None:
    """Have the detector get more than it can do."""
    served.store.processes = [
        structs.replace(sign, cores=4, host_busy=host_busy)
        for sign in served.store.processes
        if sign.service != "broker"
    ]
    served.store.processes.append(process("broker", queues={}, demand={"detector": ratio}))


def supervise(page: Page, changes: list[Any]) -> None:
    """Have the settings say that a supervisor runs the stack, and note what is asked of them."""

    def answer(route: Route) -> None:
        if route.request.method == "PATCH":
            changes.append(route.request.post_data_json)
        route.fulfill(json={"supervised": True})

    page.route("**/api/settings", answer)


def test_the_picture_shows_the_numbers_of_the_api(page: Page, served: Served) -> None:
    served.store.ledgers["desk"] = {"captured": 1234, "recorded": 1200, "overtaken": 30, "in_flight": 4}
    document = system(served.url)
    page.goto(f"{served.url}#/system")
    expect(page.locator("#pipeline .stage")).to_have_count(4)
    for stage in document["pipeline"]:
        box = page.locator(f"#pipeline .stage[data-service={stage['service']}]")
        expect(box).to_contain_text(f"\u00d7{stage['workers']}")
        expect(box.locator(".rate b")).to_have_text(f"{stage['per_second']:.0f}")
        if stage["demand"] is not None:
            expect(box).to_contain_text(f"demand {stage['demand']:.2f}")
        if stage["queue"]:
            queue = page.locator(f"#pipeline .queue[data-queue={stage['queue']['queue']}]")
            expect(queue).to_contain_text(f"{stage['queue']['depth']} waiting")
            expect(queue).to_contain_text(f"oldest {stage['queue']['oldest_seconds'] * 1000:.0f} ms")
    for bar in document["waterfall"]:
        row = page.locator(f"#waterfall tr[data-stage={bar['stage']}]")
        shown = f"{bar['p50_ms']:.1f} ms" if bar["p50_ms"] < 10 else f"{bar['p50_ms']:.0f} ms"
        expect(row.locator("td").nth(1)).to_have_text(shown)
    expect(page.locator("#ledger .balance [data-part=captured] dd")).to_have_text("1,234")
    drops = page.locator("#drops tr", has_text="overtaken")
    expect(drops).to_contain_text("30")
    expect(drops).to_contain_text(f"the frame {document['outcomes']['overtaken']}")
    expect(page.locator("#facts")).to_contain_text("96 MB of 512 MB")
    expect(page.locator("#workers")).to_contain_text("provisional model")


def test_bars_follow_each_other_to_scale(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/system")
    page.wait_for_selector("#waterfall .to-p50")
    bars = page.eval_on_selector_all(
        "#waterfall .to-p50", "bars => bars.map(bar => [bar.x.baseVal.value, bar.width.baseVal.value])"
    )
    ends = [x + width for x, width in bars]
    assert [x for x, _ in bars[1:]] == pytest.approx(ends[:-1], abs=3)
    detect, classify = bars[2][1], bars[4][1]
    assert detect / classify == pytest.approx(20 / 12, rel=0.05)


@pytest.mark.parametrize(("ratio", "word"), [(1.4, "overloaded"), (0.9, "nearly full")])
def test_a_stage_says_how_full_it_is(page: Page, served: Served, ratio: float, word: str) -> None:
    overload(served, ratio)
    page.goto(f"{served.url}#/system")
    expect(page.locator("#pipeline .stage[data-service=detector] .pill")).to_have_text(word)
    expect(page.locator("#pipeline .stage[data-service=recorder] .pill")).to_have_count(0)


def test_all_is_well_and_then_it_is_not(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/system")
    verdict = page.locator("#verdict")
    expect(verdict).to_have_attribute("data-level", "good")
    served.store.processes.append(process("detector", 2, remedy="Run mien fetch for a faster one."))
    expect(verdict.locator(".findings")).to_contain_text("Run mien fetch")
    overload(served, host_busy=0.98)
    expect(verdict).to_have_attribute("data-code", "cores_used_up")
    expect(verdict).to_contain_text("more workers won't help")
    served.store.away = True
    expect(verdict).to_have_attribute("data-code", "redis_away")
    served.store.away = False
    expect(verdict).to_have_attribute("data-code", "cores_used_up")


def test_the_button_asks_first_and_then_sets_the_count(page: Page, served: Served) -> None:
    overload(served)
    changes: list[Any] = []
    supervise(page, changes)
    page.goto(f"{served.url}#/system")
    button = page.locator("#verdict").get_by_role("button", name="Set detector=2")
    button.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert changes == []
    button.focus()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Set detector=2").click()
    expect(page.locator("#notices")).to_contain_text("detector=2 is wanted now")
    assert changes == [{"detectors": 2}]


def test_without_a_supervisor_there_is_no_button(page: Page, served: Served) -> None:
    overload(served)
    page.goto(f"{served.url}#/system")
    expect(page.locator("#verdict")).to_contain_text("set detector=2")
    expect(page.locator("#verdict button")).to_be_hidden()


def test_the_chart_is_read_by_keyboard_and_goes_further_back(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/system")
    chart = page.locator(".latency-chart")
    expect(chart.locator(".objective-name")).to_have_text("objective 250 ms")

    def reads_the_newest() -> bool:
        """Press it once there is something to read: on a busy machine a key may come before."""
        chart.focus()
        page.keyboard.press("ArrowLeft")
        return "200 frames" in (page.locator(".latency-over-time [aria-live]").text_content() or "")

    wait_for(reads_the_newest, "the newest minute is read out", 30)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".latency-over-time [aria-live]")).to_contain_text("nothing recorded")
    with page.expect_response("**/api/system?minutes=360"):
        page.get_by_role("button", name="6 h").click()
    assert page.url.endswith("#/system?minutes=360")
    expect(page.get_by_role("button", name="6 h")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_screen(page: Page, served: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(f"{served.url}#/system")
    page.wait_for_selector("#waterfall .to-p50")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def readings(page: Page, served: Served) -> list[Route]:
    """What the page asks the system of, unanswered."""
    asked: list[Route] = []
    page.clock.install()
    page.route("**/api/system?*", lambda route: asked.append(route))
    with page.expect_request("**/api/system?*"):
        page.goto(f"{served.url}#/system")
    return asked


def let_go(page: Page, reading: Route) -> None:
    """Answer, and wait until the page has it."""
    with page.expect_response("**/api/system?*") as answer:
        reading.continue_()
    answer.value.finished()
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")


def test_a_page_that_was_left_while_it_read_reads_no_more(
    page: Page, served: Served, readings: list[Route]
) -> None:
    page.goto(f"{served.url}#/notice")
    expect(page.get_by_role("heading", name="Cameras here read")).to_be_visible()
    let_go(page, readings[0])
    page.clock.run_for(10_000)
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert len(readings) == 1


def test_of_two_readings_at_once_the_newer_one_is_shown(page: Page, readings: list[Route]) -> None:
    with page.expect_request("**/api/system?minutes=360"):
        page.get_by_role("button", name="6 h").click()
    first, second = readings
    let_go(page, second)
    expect(page.locator("#verdict")).to_have_attribute("data-level", "good")
    older = {"verdict": {"code": "older", "level": "bad", "text": "", "action": None}, "status": None}
    first.fulfill(json=older)
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert page.locator("#verdict").get_attribute("data-level") == "good"
