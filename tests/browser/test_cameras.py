"""Cameras are added, changed, paused and removed by forms; what goes wrong is said beside the field."""

import base64
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.browser.conftest import Served, serve
from tests.browser.test_access import LOCKED, VIEWER, log_in


def answer_test(page: Page, faces: list[list[float]], advice: list[str]) -> list[dict[str, Any]]:
    """Let each test of a source find these faces; return the settings that are tested."""
    picture = cv2.imencode(".jpg", np.full((360, 640, 3), 90, np.uint8))[1].tobytes()
    document = {
        "width": 640, "height": 360, "fps": 25.0, "advice": advice,
        "picture": "data:image/jpeg;base64," + base64.b64encode(picture).decode(),
        "faces": [{"box": box, "score": 0.9} for box in faces],
    }  # fmt: skip
    asked: list[dict[str, Any]] = []

    def fulfil(route: Route) -> None:
        asked.append(json.loads(route.request.post_data or ""))
        route.fulfill(json=document)

    page.route("**/api/cameras/test", fulfil)
    return asked


def admin_controls(page: Page) -> Locator:
    """Return what of a view changes something."""
    return page.locator("main").locator("button, input, select, textarea, [role=button]")


def patches(page: Page) -> list[dict[str, Any]]:
    """Return the list that every PATCH from now on is added to."""
    seen: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            seen.append(json.loads(request.post_data or ""))

    page.on("request", note)
    return seen


def test_an_empty_wall_leads_to_a_camera_in_three_steps(page: Page, served: Served) -> None:
    for name in list(served.store.cameras()):
        served.store.remove_camera(name)
    asked = answer_test(page, [[100, 90, 110, 140], [400, 200, 28, 34]], ["faces 28 px; 48 needed"])
    page.goto(served.url)
    page.get_by_role("link", name="Add a camera").click()
    page.get_by_role("button", name="Network camera").click()
    page.get_by_label("Address").fill("rtsp://me:secret@10.0.0.5/1")
    page.get_by_role("button", name="Show a picture").click()
    expect(page.get_by_role("img", name="The picture: 2 faces found")).to_be_visible()
    expect(page.locator(".advice")).to_have_text("faces 28 px; 48 needed")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill("entrance")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("article[data-camera=entrance]")).to_be_visible()
    assert asked[0]["source"] == "rtsp://me:secret@10.0.0.5/1"
    assert served.store.cameras()["entrance"].source == "rtsp://me:secret@10.0.0.5/1"


def test_the_faces_of_a_test_are_drawn_on_its_picture(page: Page, served: Served) -> None:
    answer_test(page, [[100, 90, 110, 140]], [])
    page.goto(f"{served.url}#/cameras?add=webcam")
    page.get_by_label("Camera", exact=True).fill("0")
    page.get_by_role("button", name="Show a picture").click()
    canvas = page.locator("canvas[data-faces='1']")
    expect(canvas).to_be_visible()
    edge, inside = canvas.evaluate(
        """canvas => [[100, 160], [155, 160]].map(
          ([x, y]) => [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3))"""
    )
    assert edge[2] - edge[0] > 100
    assert max(inside) - min(inside) < 10


def test_why_a_source_can_not_be_opened_stands_beside_it(page: Page, served: Served) -> None:
    page.route(
        "**/api/cameras/test",
        lambda route: route.fulfill(status=422, json={"detail": "no such file: visit.mp4"}),
    )
    page.goto(f"{served.url}#/cameras?add=file")
    page.get_by_role("button", name="Show a picture").click()
    expect(page.get_by_label("Path")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Path").fill("visit.mp4")
    expect(page.locator("#error-source")).to_be_empty()
    page.get_by_role("button", name="Show a picture").click()
    expect(page.locator("#error-source")).to_have_text("no such file: visit.mp4")
    expect(page.get_by_label("Path")).to_be_focused()


@pytest.mark.parametrize(("name", "error"), [("Desk 1", "Only lower-case"), ("door", "there already")])
def test_a_name_that_will_not_do_is_refused_beside_its_field(
    page: Page, served: Served, name: str, error: str
) -> None:
    page.goto(f"{served.url}#/cameras?add=webcam")
    page.get_by_label("Camera", exact=True).fill("0")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_label("Name")).to_have_value("desk-2")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add it").click()
    expect(page.locator(".field-error", has_text=error)).to_be_visible()
    assert sorted(served.store.cameras()) == ["desk", "door"]


def test_only_what_changed_is_sent_and_a_hidden_password_stays(page: Page, served: Served) -> None:
    settings = served.store.cameras()["desk"]
    served.store.put_camera("desk", settings.model_copy(update={"source": "rtsp://me:secret@cam/1"}))
    sent = patches(page)
    page.goto(f"{served.url}#/cameras/desk")
    save = page.get_by_role("button", name="Save changes")
    expect(page.get_by_label("Address")).to_have_value("rtsp://cam/1")
    expect(save).to_be_disabled()
    page.get_by_label("Frames a second").fill("5")
    page.get_by_label("Turn the picture").select_option("180")
    page.get_by_label("Smallest face").fill("48")
    save.click()
    expect(page.locator(".notice")).to_contain_text("desk is changed")
    expect(save).to_be_disabled()
    assert sent == [{"fps": 5, "rotate": 180, "min_face": 48}]
    stored = served.store.cameras()["desk"]
    assert (stored.source, stored.rotate) == ("rtsp://me:secret@cam/1", 180)


def test_a_password_that_was_saved_is_shown_no_more_and_leaves_nothing_unsaved(
    page: Page, served: Served
) -> None:
    settings = served.store.cameras()["desk"]
    served.store.put_camera("desk", settings.model_copy(update={"source": "rtsp://cam/1"}))
    page.goto(f"{served.url}#/cameras/desk")
    page.get_by_label("Address").fill("rtsp://me:secret@cam/2")
    save = page.get_by_role("button", name="Save changes")
    save.click()
    expect(page.get_by_label("Address")).to_have_value("rtsp://cam/2")
    expect(save).to_be_disabled()
    page.get_by_role("button", name="Back to the list").click()
    expect(page.locator("li[data-camera=desk]")).to_be_visible()
    assert served.store.cameras()["desk"].source == "rtsp://me:secret@cam/2"


def test_what_is_typed_while_it_is_saved_stays(page: Page, served: Served) -> None:
    held: list[Route] = []
    page.route("**/api/cameras/desk", lambda route: held.append(route))
    page.goto(f"{served.url}#/cameras/desk")
    smallest = page.get_by_label("Smallest face")
    smallest.fill("48")
    save = page.get_by_role("button", name="Save changes")
    with page.expect_request("**/api/cameras/desk"):
        save.click()
    smallest.fill("60")
    held[0].continue_()
    expect(page.locator(".notice")).to_contain_text("desk is changed")
    expect(smallest).to_have_value("60")
    expect(save).to_be_enabled()


def test_face_sizes_that_exclude_each_other_are_said_and_not_sent(page: Page, served: Served) -> None:
    sent = patches(page)
    page.goto(f"{served.url}#/cameras/desk")
    page.get_by_label("Smallest face").fill("90")
    page.get_by_label("Largest face").fill("60")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#error-max_face")).to_contain_text("can't be smaller")
    assert sent == []


def test_leaving_with_unsaved_changes_asks_whichever_way(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/system")
    page.goto(f"{served.url}#/cameras")
    page.get_by_role("link", name="Edit desk").click()
    changed = page.get_by_label("Smallest face")
    changed.fill("90")
    system = page.get_by_role("navigation").get_by_role("link", name="System")
    dialog = page.get_by_role("dialog")
    ways: list[Callable[[], object]] = [
        system.click,
        page.get_by_role("button", name="Back to the list").click,
        lambda: page.evaluate("history.back()"),
        lambda: page.evaluate("history.go(-2)"),
        lambda: page.evaluate("location.hash = '#/cameras/door'"),
    ]
    for leave in ways:
        leave()
        expect(dialog).to_contain_text("is lost")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page).to_have_url(f"{served.url}#/cameras/desk")
        expect(changed).to_have_value("90")
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    expect(changed).to_have_value("90")
    page.evaluate("history.go(-2)")
    dialog.get_by_role("button", name="Leave").click()
    expect(page).to_have_url(f"{served.url}#/system")
    expect(page.locator("#verdict")).to_be_visible()


def test_a_camera_half_added_is_not_lost_without_a_question(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/cameras?add=network")
    system = page.get_by_role("navigation").get_by_role("link", name="System")
    page.get_by_label("Address").fill("rtsp://cam/1")
    system.click()
    expect(page.get_by_role("dialog")).to_contain_text("is lost")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Address")).to_have_value("rtsp://cam/1")
    page.get_by_role("button", name="Back").click()
    system.click()
    expect(page.locator("#verdict")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_saved_or_not_changed_is_left_without_a_question(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/cameras/desk")
    page.get_by_label("Smallest face").fill("90")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".notice")).to_contain_text("desk is changed")
    page.get_by_role("button", name="Back to the list").click()
    expect(page.locator("li[data-camera=desk]")).to_be_visible()
    page.get_by_role("link", name="Edit door").click()
    page.get_by_label("Smallest face").fill("90")
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator("li[data-camera=desk]")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_camera_is_paused_and_removed_from_the_list(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/cameras")
    page.get_by_role("button", name="Pause desk").click()
    expect(page.get_by_role("button", name="Resume desk")).to_be_visible()
    assert served.store.cameras()["desk"].paused
    page.get_by_role("button", name="Remove desk").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert "desk" in served.store.cameras()
    page.get_by_role("button", name="Remove desk").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.locator("li[data-camera=desk]")).to_have_count(0)
    assert list(served.store.cameras()) == ["door"]


@pytest.mark.parametrize("view", ["cameras", "cameras/desk", "cameras?add=1", "settings"])
def test_a_viewer_is_offered_nothing_that_changes_anything(page: Page, view: str) -> None:
    with serve(LOCKED) as served:
        page.goto(f"{served.url}#/{view}")
        log_in(page, VIEWER)
        page.goto(f"{served.url}#/{view}")
        shown = "[data-setting=counts]" if view == "settings" else "li[data-camera=desk]"
        expect(page.locator(shown)).to_be_visible()
        expect(admin_controls(page).locator("visible=true").and_(page.locator(":enabled"))).to_have_count(0)
        expect(page.get_by_role("link", name="Add a camera")).to_have_count(0)
