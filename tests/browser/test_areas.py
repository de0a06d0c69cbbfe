"""Masks and zones are drawn on the picture with the mouse, by touch and by keyboard, and PATCH sends them."""

import itertools
from collections.abc import Iterable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served
from tests.browser.test_cameras import patches

SURFACE = ".areas-drawn"
EDITOR = "#/cameras/desk"


def open_editor(page: Page, served: Served) -> None:
    """Open a camera's settings and wait for its live picture."""
    page.goto(served.url + EDITOR)
    expect(page.locator(".areas-waiting")).to_be_hidden()


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where on the page a point of the picture is, given in shares."""
    box = page.locator(SURFACE).bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def click(page: Page, x: float, y: float) -> None:
    page.mouse.click(*at(page, x, y))


def numbers(polygon: Iterable[Iterable[float]]) -> list[float]:
    """Return x, y, x, y … of a polygon's corners."""
    return list(itertools.chain.from_iterable(polygon))


def save(page: Page) -> None:
    with page.expect_response(lambda response: response.request.method == "PATCH") as answered:
        page.get_by_role("button", name="Save changes").click()
    assert answered.value.ok
    expect(page.get_by_text("desk is changed").last).to_be_visible()


def test_a_zone_drawn_by_mouse_is_what_is_sent(page: Page, served: Served) -> None:
    sent = patches(page)
    open_editor(page, served)
    page.get_by_role("button", name="Draw a zone").click()
    for corner in [(0.2, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.2)]:
        click(page, *corner)
    page.get_by_role("textbox", name="Zone").fill("queue")
    page.get_by_role("button", name="Draw a mask").click()
    for corner in [(0.7, 0.1), (0.9, 0.1), (0.9, 0.4)]:
        click(page, *corner)
    page.get_by_role("button", name="Finish shape").click()
    save(page)
    (change,) = sent
    assert change["zones"].keys() == {"queue"}
    assert numbers(change["zones"]["queue"]) == pytest.approx([0.2, 0.2, 0.6, 0.2, 0.6, 0.8], abs=0.004)
    assert numbers(change["masks"][0]) == pytest.approx([0.7, 0.1, 0.9, 0.1, 0.9, 0.4], abs=0.004)
    stored = served.store.cameras()["desk"].zones["queue"]
    assert numbers(stored) == numbers(change["zones"]["queue"])


def test_a_zone_drawn_by_keyboard_is_what_is_sent(page: Page, served: Served) -> None:
    sent = patches(page)
    open_editor(page, served)
    page.get_by_role("button", name="Draw a zone").focus()
    page.keyboard.press("Enter")
    expect(page.locator(SURFACE)).to_be_focused()
    for keys in ["Shift+ArrowLeft", "Shift+ArrowRight", "ArrowDown", "ArrowLeft"]:
        page.keyboard.press(keys)
        page.keyboard.press("Enter")
    expect(page.locator(".areas-said")).to_contain_text("Corner 4: 49 % from the left, 51 % from the top")
    page.keyboard.press("Backspace")
    page.get_by_role("button", name="Finish shape").press("Enter")
    corner = page.get_by_role("button", name="Zone zone-1, corner 2 of 3")
    corner.focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(corner).to_be_focused()
    save(page)
    assert sent == [{"zones": {"zone-1": [[0.45, 0.5], [0.5, 0.44], [0.5, 0.51]]}}]


def test_corners_and_shapes_are_dragged_and_undone(page: Page, served: Served) -> None:
    zone = ((0.2, 0.2), (0.4, 0.2), (0.4, 0.4))
    settings = served.store.cameras()["desk"]
    served.store.put_camera("desk", settings.model_copy(update={"zones": {"queue": zone}}))
    sent = patches(page)
    open_editor(page, served)
    click(page, 0.37, 0.25)
    drag(page, (0.4, 0.4), (0.6, 0.6))
    drag(page, (0.42, 0.3), (0.52, 0.4))
    page.get_by_role("button", name="Undo").click()
    save(page)
    drag(page, (0.3, 0.2), (0.3, 0.1))
    save(page)
    assert len(sent) == 2
    moved, split = (numbers(change["zones"]["queue"]) for change in sent)
    assert moved == pytest.approx([0.2, 0.2, 0.4, 0.2, 0.6, 0.6], abs=0.004)
    assert split == pytest.approx([0.2, 0.2, 0.3, 0.1, 0.4, 0.2, 0.6, 0.6], abs=0.004)


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


def test_escape_draws_nothing_and_stays_on_the_page(page: Page, served: Served) -> None:
    open_editor(page, served)
    page.get_by_role("button", name="Draw a mask").click()
    click(page, 0.3, 0.3)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Draw a mask")).to_be_visible()
    expect(page.locator(".areas-list li")).to_have_count(0)
    assert page.url.endswith(EDITOR)


def test_a_shape_that_is_not_closed_or_not_saved_is_not_left_without_a_question(
    page: Page, served: Served
) -> None:
    open_editor(page, served)
    page.get_by_role("button", name="Draw a mask").click()
    click(page, 0.3, 0.3)
    for _ in ("begun", "closed"):
        page.get_by_role("link", name="System").click()
        expect(page.get_by_role("dialog")).to_contain_text("changed or drew")
        page.get_by_role("button", name="Go on editing").click()
        assert page.url.endswith(EDITOR)
        if page.get_by_role("button", name="Finish shape").is_visible():
            click(page, 0.5, 0.3)
            click(page, 0.5, 0.5)
            page.get_by_role("button", name="Finish shape").click()
    expect(page.locator(".areas-list li")).to_have_count(1)


def test_two_zones_of_one_name_are_not_sent(page: Page, served: Served) -> None:
    zone = ((0.2, 0.2), (0.4, 0.2), (0.4, 0.4))
    settings = served.store.cameras()["desk"]
    served.store.put_camera("desk", settings.model_copy(update={"zones": {"queue": zone, "desk": zone}}))
    sent = patches(page)
    open_editor(page, served)
    page.get_by_role("textbox", name="Zone").first.fill("desk")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".areas-list li").first).to_contain_text("Another zone has this name")
    expect(page.get_by_role("textbox", name="Zone").first).to_be_focused()
    assert sent == []


def test_the_smallest_and_largest_face_show_on_the_picture(page: Page, served: Served) -> None:
    open_editor(page, served)
    page.get_by_label("Smallest face").fill("64")
    guide = page.locator(f"{SURFACE} .guide")
    expect(guide).to_have_count(1)
    box, surface = guide.bounding_box(), page.locator(SURFACE).bounding_box()
    assert box is not None
    assert surface is not None
    assert box["width"] / surface["width"] == pytest.approx(64 / 640, rel=0.1)
    page.get_by_label("Largest face").fill("200")
    expect(guide).to_have_count(2)
    expect(page.locator(f"{SURFACE} .guide-name").first).to_have_text("largest face 200 px")


def test_a_finger_draws_too(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    open_editor(page, served)
    page.get_by_role("button", name="Draw a zone").tap()
    page.locator(SURFACE).scroll_into_view_if_needed()
    for corner in [(0.2, 0.2), (0.7, 0.2), (0.7, 0.8), (0.2, 0.2)]:
        page.touchscreen.tap(*at(page, *corner))
    expect(page.locator(".areas-list li")).to_contain_text("3 corners")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
