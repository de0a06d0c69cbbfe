"""Why a face is read so: what the model saw, for an admin, live, and not while faces are blurred."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, serve
from tests.browser.test_access import ADMIN, LOCKED, VIEWER, log_in
from tests.fake_stack import process
from tests.waiting import wait_for

RAMP = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 48, 96, 1).data;
  return [0, 48, 95].map((x) => pixels[4 * x]);
}"""


@pytest.fixture
def clear() -> Iterator[Served]:
    """A dashboard with tokens whose detectors may show clear faces."""
    with serve(LOCKED) as served:
        served.store.blur = False
        served.store.processes = [process("detector", preview="clear")]
        yield served


def ask_why(page: Page, served: Served, token: str) -> None:
    """Log in, open the camera, and ask of its face."""
    page.goto(f"{served.url}#/camera/desk")
    log_in(page, token)
    page.get_by_role("button", name="Why this?").first.click()


def test_an_admin_sees_the_very_crop_and_what_was_made_of_it(page: Page, clear: Served) -> None:
    ask_why(page, clear, ADMIN)
    dialog = page.get_by_role("dialog")
    crop = dialog.get_by_role("img", name="What the model saw of the face")
    expect(crop).to_be_visible()
    assert crop.evaluate(RAMP) == pytest.approx([0, 128, 255], abs=3)
    expect(dialog.locator("tbody tr", has_text="happy")).to_contain_text("82 %")
    expect(dialog).to_contain_text("happy has 82 %, at least the")
    expect(dialog).to_contain_text("Model 0123 on litert")
    assert "crop/desk" in clear.feed.topics
    page.keyboard.press("Escape")
    wait_for(lambda: "crop/desk" not in clear.feed.topics, "giving the crops up")


def test_while_faces_are_blurred_no_crop_is_asked_for(page: Page, clear: Served) -> None:
    clear.store.blur = True
    ask_why(page, clear, ADMIN)
    expect(page.get_by_role("dialog")).to_contain_text("Faces are blurred, so what the model saw")
    expect(page.get_by_role("dialog").locator("tbody tr", has_text="happy")).to_contain_text("82 %")
    assert "crop/desk" not in clear.feed.topics


def test_a_viewer_is_told_why_there_is_no_crop(page: Page, clear: Served) -> None:
    ask_why(page, clear, VIEWER)
    expect(page.get_by_role("dialog")).to_contain_text("Only an admin may see what the model saw")
    assert "crop/desk" not in clear.feed.topics
