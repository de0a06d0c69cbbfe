"""axe-core finds nothing serious on any view, light or dark, wide or on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Served
from tests.browser.drawn import wait_for_frame

NAMES = "async () => (await import('/static/views/index.js')).VIEWS.map((view) => view.name)"
SERIOUS = {"serious", "critical"}


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
    assert {"", "camera", "system"} <= set(names)
    findings = []
    for name in names:
        page.goto(f"{served.url}#/{name}{'/desk' if name == 'camera' else ''}")
        expect(page.locator(f"main[data-view={name or 'wall'}] h1")).to_be_attached()
        found = Axe().run(page).response["violations"]
        findings += [
            f"{name or 'wall'}: {violation['id']}: {node['html'][:120]}"
            for violation in found
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]
    context.close()
    assert findings == []
