"""axe-core finds nothing serious on any view, form or dialog, light or dark, wide or on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served
from tests.browser.drawn import wait_for_frame

SERIOUS = {"serious", "critical"}
PLACES = {
    "": ".tile .bars li",
    "?kiosk=1": ".tile[data-state=live]",
    "timeline": ".moods > *",
    "system": "#ledger table",
    "cameras": "li[data-camera=desk]",
    "cameras?add=1": ".kinds button",
    "cameras?add=network": "input#field-source",
    "cameras/desk": ".edit-camera .bar",
    "settings": "[data-setting=counts]",
    "notice": ".sheet h1",
    "login": "form.login",
    "camera/desk": ".faces .card",
    "camera/nowhere": ".cover",
    "nowhere": ".empty",
}
"""What a view shows once it is complete, by address."""
DIALOGS = {"cameras": "Remove desk", "camera/desk": "Why this?"}
"""The button that opens a dialog there."""


def findings(page: Page, place: str) -> list[str]:
    """Return what axe finds there that shuts people out."""
    return [
        f"{place or 'wall'}: {violation['id']}: {node['html'][:120]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_no_view_has_a_serious_finding(browser: Browser, served: Served, scheme: str, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,  # axe is put into the page
    )
    page = context.new_page()
    page.goto(served.url)
    wait_for_frame(page, "desk")
    names = page.evaluate(
        "async () => (await import('/static/views/index.js')).VIEWS.map((view) => view.name)"
    )
    assert set(names) <= {place.split("?")[0].split("/")[0] for place in PLACES}
    found = []
    for place, complete in PLACES.items():
        page.goto(f"{served.url}#/{place}")
        expect(page.locator(f"main {complete}").first).to_be_visible()
        found += findings(page, place)
        if place in DIALOGS:
            page.get_by_role("button", name=DIALOGS[place]).first.click()
            expect(page.get_by_role("dialog")).to_be_visible()
            found += findings(page, f"{place}, dialog")
            page.keyboard.press("Escape")
    context.close()
    assert found == []
