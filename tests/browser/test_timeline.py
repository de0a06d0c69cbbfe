"""The timeline in a real browser: what is drawn is what the API says; a selection is exported and linked."""

import csv
import io
import json
import math
import re
import time
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Served
from tests.fake_stack import face, minute_row, result
from tests.waiting import wait_for

RIBBON_HEIGHT = 54
FEW_SECONDS = 20
PATIENCE_MS = 30_000
BOX = re.compile(r"M([\d.]+) [\d.]+h([\d.]+)v([\d.]+)h")


@pytest.fixture
def timeline(page: Page, served: Served) -> Page:
    """The last hour of two cameras, each minute another mood; some with few faces, some not recorded."""
    last = int(time.time()) // 60
    for camera, people in (("desk", 1), ("door", 3)):
        served.store.counted[camera] = [
            minute_row(
                minute, faces=900 * people, arrived=minute % 3, stayed=people,
                seconds={"happy": minute % 20 * people / 2, "sad": 10 * people, "uncertain": minute % 4 * 2},
            )
            for minute in range(last - 55, last + 1)
            if minute % 7
        ]  # fmt: skip
    page.goto(f"{served.url}#/timeline")
    expect(page.locator(".mood")).to_have_count(2, timeout=PATIENCE_MS)
    return page


def asked(served: Served, **query: Any) -> dict[str, list[dict[str, Any]]]:
    """Return camera → buckets, as the API gives them."""
    text = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
    with urllib.request.urlopen(f"{served.url}api/timeline?{text}") as answer:
        return {part["camera"]: part["buckets"] for part in json.load(answer)["cameras"]}


def ribbon(page: Page, camera: str) -> Locator:
    return page.locator(f".mood[data-camera={camera}] .ribbon")


def drawn(page: Page, camera: str, label: str) -> dict[float, float]:
    """Return left edge → height of what is drawn of a label."""
    path = ribbon(page, camera).locator(f"path[data-label={label}]").get_attribute("d") or ""
    return {float(left): float(height) for left, _, height in BOX.findall(path)}


def drag(page: Page, camera: str, first: float, last: float) -> None:
    """Select from one share of a ribbon's width to another."""
    box = ribbon(page, camera).bounding_box()
    assert box
    at = [(box["x"] + share * box["width"], box["y"] + box["height"] - 10) for share in (first, last)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


@pytest.mark.parametrize("camera", ["desk", "door"])
def test_the_ribbon_shows_the_shares_of_the_api(timeline: Page, served: Served, camera: str) -> None:
    buckets = asked(served, from_="1h")[camera]
    lefts = sorted(drawn(timeline, camera, "sad"))
    assert len(lefts) == len(buckets)
    few = []
    for left, bucket in zip(lefts, buckets, strict=True):
        seconds = {**bucket["emotions"], "uncertain": bucket["uncertain"]}
        total = sum(seconds.values())
        for label in ("happy", "sad", "uncertain"):
            height = drawn(timeline, camera, label).get(left, 0.0)
            assert height / RIBBON_HEIGHT == pytest.approx(seconds.get(label, 0) / total, abs=0.002)
        if total < FEW_SECONDS:
            few.append(left)
    assert sorted(drawn(timeline, camera, "few")) == few
    assert bool(few) == (camera == "desk")


def test_hovering_says_how_many_people_and_shares(timeline: Page, served: Served) -> None:
    buckets = asked(served, from_="1h")["desk"]
    bucket = next(one for one in buckets if sum(one["emotions"].values()) + one["uncertain"] < FEW_SECONDS)
    box = ribbon(timeline, "desk").bounding_box()
    assert box
    ribbon(timeline, "door").hover(position={"x": sorted(drawn(timeline, "desk", "few"))[0] + 3, "y": 60})
    total = sum(bucket["emotions"].values()) + bucket["uncertain"]
    readout = timeline.locator(".mood[data-camera=desk] .readout")
    expect(readout).to_contain_text("few faces: ")
    number = "1 person" if bucket["tracks"] == 1 else f"{bucket['tracks']} people"
    expect(readout).to_contain_text(number)
    expect(readout).to_contain_text(f"sad {math.floor(100 * bucket['emotions']['sad'] / total + 0.5)} %")


def test_a_brush_exports_and_its_link_shows_the_same_again(timeline: Page, served: Served) -> None:
    drag(timeline, "door", 0.3, 0.6)
    summary = timeline.locator(".mood-summary")
    expect(summary).to_contain_text("Selected: ")
    text = summary.inner_text()
    link = timeline.get_by_role("link", name="Link to this stretch").get_attribute("href") or ""
    since, until = (int(re.search(rf"{name}=(\d+)", link)[1]) for name in ("from", "to"))  # type: ignore[index]
    assert since % 60 == until % 60 == 0
    assert until - since == pytest.approx(0.3 * 3600, abs=180)
    with timeline.expect_download() as download:
        timeline.get_by_role("link", name="CSV, a row a minute").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    moments = [row["at"] for row in rows if row["camera"] == "door"]
    assert moments[0] >= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since))
    assert moments[-1] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
    assert len(moments) == sum(1 for minute in range(since // 60, until // 60) if minute % 7)
    timeline.get_by_role("link", name="Link to this stretch").click()
    expect(summary).to_have_text(text.replace("Selected", "Shown"), timeout=PATIENCE_MS)
    timeline.reload()
    expect(summary).to_have_text(text.replace("Selected", "Shown"), timeout=PATIENCE_MS)


def test_single_faces_are_exported_while_they_are_kept(page: Page, served: Served) -> None:
    served.store.recorded["desk"] = [
        {
            **result("desk", number, [face((1, 2, 30, 40))], time.time_ns() - number * 10**9),
            "id": f"{number}-0",
        }
        for number in range(60, 1, -1)
    ]
    page.goto(f"{served.url}#/timeline?from=5m&cameras=desk")
    expect(ribbon(page, "desk")).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV, a row a face").click()
    assert len(list(csv.DictReader(io.StringIO(download.value.path().read_text())))) == 59
    assert "cameras=desk" in page.url


def test_keys_go_through_time_and_select(timeline: Page, served: Served) -> None:
    end = int(time.time()) // 60 * 60 - 60
    timeline.goto(f"{served.url}#/timeline?from={end - 3000}&to={end}")
    expect(ribbon(timeline, "desk")).to_have_attribute("aria-valuemax", "49", timeout=PATIENCE_MS)
    ribbon(timeline, "desk").focus()
    timeline.keyboard.press("End")
    for _ in range(3):
        timeline.keyboard.press("ArrowLeft")
    slider = ribbon(timeline, "desk")
    last = int(slider.get_attribute("aria-valuemax") or 0)
    expect(slider).to_have_attribute("aria-valuenow", str(last - 3))
    for _ in range(3):
        timeline.keyboard.press("Shift+ArrowLeft")
    link = timeline.get_by_role("link", name="Link to this stretch").get_attribute("href") or ""
    since, until = (int(re.search(rf"{name}=(\d+)", link)[1]) for name in ("from", "to"))  # type: ignore[index]
    assert until - since == 4 * 60
    for _ in range(5):
        timeline.keyboard.press("Shift+ArrowRight")
    link = timeline.get_by_role("link", name="Link to this stretch").get_attribute("href") or ""
    assert f"from={until - 60}&to={until + 120}" in link
    expect(timeline.locator(".mood-summary")).to_contain_text("Selected: ")
    timeline.keyboard.press("Escape")
    expect(timeline.locator(".mood-summary")).to_contain_text("Shown: ")


def test_what_is_new_appears_by_itself(page: Page, served: Served) -> None:
    def seen(at: float, emotion: str) -> dict[str, Any]:
        faces = [{**face((1, 2, 30, 40), emotion), "seconds": 1.0}]
        return {**result("desk", 1, faces, int(at * 1e9)), "id": "1-0"}

    now = time.time()
    served.store.recorded["desk"] = [seen(now - age, "sad") for age in range(60, 30, -1)]
    page.goto(f"{served.url}#/timeline?from=5m&cameras=desk")
    expect(ribbon(page, "desk").locator("path[data-label=sad]")).to_have_attribute(
        "d", BOX, timeout=PATIENCE_MS
    )
    served.store.recorded["desk"].append(seen(time.time(), "happy"))
    expect(ribbon(page, "desk").locator("path[data-label=happy]")).to_have_attribute(
        "d", BOX, timeout=PATIENCE_MS
    )
    expect(page.locator(".mood .readout")).to_contain_text("31 face-seconds")


def test_one_lone_face_is_few_only_where_it_has_just_come(page: Page, served: Served) -> None:
    """In 5 minutes a bucket has 10 s: by itself it could never hold 20 face-seconds of one face."""
    now = time.time()
    began, alone = now - 250, {**face((1, 2, 30, 40), "sad"), "seconds": 1.0}
    passing = {**face((1, 2, 30, 40), "happy"), "seconds": 1.0}
    seen = [(now - 290, passing), *((began + 100 + age, alone) for age in range(140))]
    served.store.recorded["desk"] = [
        {**result("desk", 1, [one], int(at * 1e9)), "id": f"{number}-0"}
        for number, (at, one) in enumerate(seen)
    ]
    page.goto(f"{served.url}#/timeline?from=5m&cameras=desk")
    expect(ribbon(page, "desk").locator("path[data-label=sad]")).to_have_attribute(
        "d", BOX, timeout=PATIENCE_MS
    )
    few = drawn(page, "desk", "few")
    assert few.keys() == drawn(page, "desk", "happy").keys()
    assert not few.keys() & drawn(page, "desk", "sad").keys()
    page.get_by_text("As tables").click()
    rows = page.get_by_role("region", name="Emotions at desk").locator("tbody tr")
    expect(rows.first).not_to_contain_text("few faces")
    expect(rows.last).to_contain_text("few faces")
    ribbon(page, "desk").hover(position={"x": max(drawn(page, "desk", "sad")) - 2, "y": 60})
    expect(page.locator(".mood .readout")).to_contain_text("sad 100 %")
    expect(page.locator(".mood .readout")).not_to_contain_text("few faces")


def test_a_zone_is_chosen_kept_in_the_address_and_exported(page: Page, served: Served) -> None:
    corner = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))
    settings = served.store.cameras()["door"].model_copy(update={"zones": {"till": corner, "exit": corner}})
    served.store.put_camera("door", settings)
    last = int(time.time()) // 60
    till = {"faces": 900, "arrived": 1, "stayed": 1, "seconds": {"sad": 40.0}}
    served.store.counted["door"] = [
        minute_row(minute, faces=1800, arrived=2, stayed=2, seconds={"happy": 60.0}, zones={"till": till})
        for minute in range(last - 20, last + 1)
    ]
    page.goto(f"{served.url}#/timeline?cameras=door")
    path = ribbon(page, "door").locator("path[data-label=happy]")
    expect(path).to_have_attribute("d", BOX, timeout=PATIENCE_MS)
    zone = page.get_by_label("Zone")
    assert zone.locator("option").all_inner_texts() == ["everywhere", "exit", "till"]
    zone.select_option("till")
    expect(ribbon(page, "door").locator("path[data-label=sad]")).to_have_attribute("d", BOX)
    expect(path).to_have_count(0)
    assert "zone=till" in page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV, a row a minute").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {float(row["face_seconds"]) for row in rows} == {40.0}
    page.reload()
    expect(zone).to_have_value("till")
    expect(path).to_have_count(0)
    zone.select_option("exit")
    expect(page.locator(".mood .readout")).to_have_text("nobody")
    zone.select_option("everywhere")
    expect(path).to_have_attribute("d", BOX)
    assert "zone" not in page.url


def test_the_table_says_the_same(timeline: Page, served: Served) -> None:
    timeline.get_by_text("As tables").click()
    bucket = asked(served, from_="1h")["door"][-1]
    cells = timeline.get_by_role("region", name="Emotions at door").locator("tbody tr").first.locator("td")
    expect(cells.nth(0)).to_have_text(str(bucket["tracks"]))
    expect(cells.nth(1)).to_have_text(f"{sum(bucket['emotions'].values()) + bucket['uncertain']:.1f}")


def test_cameras_and_zones_are_chosen_and_fit_a_phone(timeline: Page, served: Served) -> None:
    timeline.set_viewport_size({"width": 360, "height": 740})
    timeline.locator("summary", has_text="Cameras").click()
    timeline.get_by_role("checkbox", name="door").uncheck()
    expect(timeline.locator(".mood")).to_have_count(1, timeout=PATIENCE_MS)
    assert "cameras=desk" in timeline.url
    timeline.get_by_role("button", name="Day").click()
    assert "from=1d" in timeline.url
    expect(ribbon(timeline, "desk")).to_be_visible()
    assert timeline.evaluate("document.documentElement.scrollWidth") <= 360


def test_buckets_of_another_length_do_not_mix_with_those_shown(page: Page, served: Served) -> None:
    last = int(time.time()) // 60
    served.store.counted["desk"] = [minute_row(last - ago, faces=900, arrived=1) for ago in range(60)]
    asked_for: list[str] = []

    def after_a_sleep(route: Route) -> None:
        """The server chooses longer buckets for what is asked for on waking up."""
        url = route.request.url
        asked_for.append(url)
        route.continue_(url=re.sub("step=60", "step=300", url) if len(asked_for) == 2 else url)

    page.route("**/api/timeline?*", after_a_sleep)
    page.clock.install()
    page.goto(f"{served.url}#/timeline")
    expect(page.locator(".mood").first).to_be_visible(timeout=PATIENCE_MS)
    page.clock.run_for(40_000)
    wait_for(lambda: page.evaluate("1") and len(asked_for) > 2, "the whole stretch is read again")
    assert "from=1h" in asked_for[2]


def test_of_many_cameras_all_are_shown_and_any_may_be_left_out(page: Page, served: Served) -> None:
    settings = served.store.cameras()["desk"]
    for number in range(68):
        served.store.put_camera(f"cam{number}", settings)
    page.goto(f"{served.url}#/timeline")
    expect(page.locator(".mood")).to_have_count(70, timeout=PATIENCE_MS)
    page.locator("summary", has_text="Cameras").click()
    page.get_by_role("checkbox", name="cam67").uncheck()
    expect(page.locator(".mood")).to_have_count(69, timeout=PATIENCE_MS)
    expect(page.locator(".problem")).to_be_hidden()


class Clock:
    """Gives the page the timeline up to a moment that the test moves on."""

    def __init__(self, page: Page, now: int) -> None:
        self.now = now
        self.asked: list[str] = []
        page.clock.install()
        page.route("**/api/timeline?*", self._answer)

    def _answer(self, route: Route) -> None:
        url = route.request.url
        self.asked.append(url)
        if "to=" not in url:
            url = f"{url}&to={self.now}".replace("from=1h", f"from={self.now - 3600}")
        route.continue_(url=url)

    def advance(self, page: Page, minutes: int) -> None:
        """Let the page read on, some time later."""
        self.now += 60 * minutes
        with page.expect_response("**/api/timeline?*") as answer:
            page.clock.run_for(40_000)
        answer.value.finished()


@pytest.fixture
def moving(page: Page, served: Served) -> Clock:
    """The hour of one camera that ended an hour ago; the next hour is there to be read on."""
    last = int(time.time()) // 60
    served.store.counted["desk"] = [
        minute_row(minute, faces=900, arrived=1, seconds={"happy": minute % 20, "sad": 30})
        for minute in range(last - 120, last + 1)
    ]
    clock = Clock(page, (last - 60) * 60)
    page.goto(f"{served.url}#/timeline?cameras=desk")
    expect(ribbon(page, "desk")).to_be_visible(timeout=PATIENCE_MS)
    return clock


def linked(page: Page) -> str:
    return page.get_by_role("link", name="Link to this stretch").get_attribute("href") or ""


def test_what_is_selected_stays_until_it_is_let_go(page: Page, moving: Clock) -> None:
    drag(page, "desk", 0.1, 0.3)
    summary = page.locator(".mood-summary")
    expect(summary).to_contain_text("Selected: ")
    text, link = summary.inner_text(), linked(page)
    until = re.search(r"to=(\d+)", link)
    assert until
    for _ in range(2):
        moving.advance(page, 20)
        expect(summary).to_have_text(text)
        assert linked(page) == link
    assert f"to={until[1]}" in moving.asked[-1]
    with page.expect_response("**/api/timeline?*"):
        ribbon(page, "desk").press("Escape")
    expect(page.get_by_role("link", name="Link to this stretch")).to_have_attribute(
        "href", re.compile(f"from={moving.now - 3600}&to={moving.now}")
    )
    expect(summary).to_contain_text("Shown: ")


def test_the_bucket_that_keys_have_reached_stays_until_it_is_gone(page: Page, moving: Clock) -> None:
    slider, readout = ribbon(page, "desk"), page.locator(".mood .readout")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "1")
    text = readout.inner_text()
    moving.advance(page, 1)
    expect(slider).to_have_attribute("aria-valuenow", "0")
    expect(slider).to_be_focused()
    expect(readout).to_have_text(text)
    moving.advance(page, 20)
    expect(readout).to_contain_text("60 people")


def test_keys_before_the_first_answer_do_nothing(page: Page, moving: Clock) -> None:
    held: list[Route] = []
    page.unroute("**/api/timeline?*")
    page.route("**/api/timeline?*", lambda route: held.append(route))
    page.get_by_role("button", name="Day").click()
    ribbon(page, "desk").press("ArrowLeft")
    page.evaluate("1")
    held[0].continue_()
    expect(ribbon(page, "desk")).to_have_attribute("aria-valuenow", "0")


def test_a_bucket_that_was_recorded_late_stands_in_its_place(page: Page, served: Served) -> None:
    last = int(time.time()) // 60
    rows = [minute_row(last - ago, faces=900, arrived=1, seconds={"sad": 30}) for ago in range(20, -1, -1)]
    served.store.counted["desk"] = [row for row in rows if row["minute"] != last - 1]
    page.clock.install()
    page.goto(f"{served.url}#/timeline?cameras=desk")
    readout = page.locator(".mood .readout")
    expect(readout).to_contain_text("20 people", timeout=PATIENCE_MS)
    served.store.counted["desk"] = rows
    page.clock.run_for(40_000)
    expect(readout).to_contain_text("21 people")
    lefts = list(drawn(page, "desk", "sad"))
    assert lefts == sorted(lefts)
