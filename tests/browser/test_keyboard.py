"""Everything on the wall and in the large view is reached with the keyboard alone."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served


def focused(page: Page) -> str:
    """Return the text of what has the focus."""
    return str(page.evaluate("document.activeElement.textContent"))


def tab_to(page: Page, text: str) -> None:
    """Press Tab until something with this text has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused(page) == text:
            return
    raise AssertionError(f"Tab does not lead to {text!r}")


def test_a_run_through_with_the_keyboard_alone(page: Page, served: Served) -> None:
    for name in ("hall", "yard"):
        served.store.put_camera(name, served.store.cameras()["desk"])
    page.set_viewport_size({"width": 1000, "height": 900})
    page.goto(served.url)
    expect(page.locator("article")).to_have_count(4)

    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "view"

    tab_to(page, "desk")
    names = ["desk", "door", "hall", "yard"]
    for key, name in [
        ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowDown", 3), ("ArrowUp", 1),
        ("End", 3), ("ArrowRight", 3), ("Home", 0), ("ArrowRight", 1),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert focused(page) == names[name]

    page.keyboard.press("Enter")
    large = page.locator("main[data-view=camera] h1")
    expect(large).to_have_text("door")
    page.keyboard.press("ArrowRight")
    expect(large).to_have_text("hall")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="hall")).to_be_focused()

    for name in ["door", "desk", "Kiosk view"]:
        page.keyboard.press("Shift+Tab")
        assert focused(page) == name
    page.keyboard.press("Enter")
    expect(page.locator(".masthead")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator(".masthead")).to_be_visible()
    expect(page).to_have_url(f"{served.url}#/")


def test_groups_are_chosen_by_address(page: Page, served: Served) -> None:
    settings = served.store.cameras()["desk"]
    served.store.put_camera("oven", settings.model_copy(update={"group": "kitchen"}))
    page.goto(served.url)
    expect(page.locator("article")).to_have_count(3)
    page.get_by_role("link", name="kitchen").click()
    expect(page.locator("article")).to_have_count(1)
    expect(page).to_have_url(f"{served.url}#/?group=kitchen")
    expect(page.get_by_role("link", name="kitchen")).to_have_attribute("aria-current", "true")
