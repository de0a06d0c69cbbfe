"""Take the pictures of docs/img: `python -m tests.browser.screenshots` (needs Chromium and the demo)."""

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageColor
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.drawn import wait_for_frame
from tests.running_stack import RunningStack
from tests.waiting import wait_for

FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
COLOURS: Final = 216
ACCENTS: Final = [
    "#0f766e",
    "#99f6e4",
    "#5eead4",
    "#12a150",
    "#e69f00",
    "#d92d20",
    "#d9f2e4",
    "#0b5c43",
    "#86e0b6",
    "#12352a",
    "#ffe9c2",
    "#704300",
    "#ffd180",
    "#3d2c0c",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#f0c808",
    "#9aa3ad",
    "#0072b2",
    "#56b4e9",
    "#c3c9d1",
]
"""Small in area, and so forgotten by a palette that is made from the picture alone."""
SETTLE_FRAMES: Final = 900
"""Frames of a camera before the first picture: rates and latencies have settled, and there is a past."""
DRAWN_FRAMES: Final = 80
"""Frames that the wall has seen before a picture is taken."""
VIEW_MS: Final = 3000
"""How long another view is open before its picture is taken: its rates have settled, too."""
CAMERA: Final = "demo-carphone"
SHOTS: Final = {
    "dashboard": ("", "", "light", 1280, 830),
    "dashboard-dark": ("", "", "dark", 1280, 830),
    "dashboard-phone": ("", "", "dark", 390, 844),
    "camera": (f"#/camera/{CAMERA}", ".faces .card", "light", 1280, 830),
    "camera-phone": (f"#/camera/{CAMERA}", ".faces .card", "light", 390, 844),
    "timeline": ("#/timeline?from=5m", ".mood .ribbon path", "light", 1280, 620),
    "system": ("#/system", "#ledger table", "light", 1280, 1000),
}
"""Name → address (empty: the wall), what is there once that view is complete, colours, width, height."""


def shoot(browser: Browser, url: str, name: str) -> None:
    """Write one picture of the page, in few colours: small, and still good to look at."""
    address, complete, scheme, width, height = SHOTS[name]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.get_by_role("button", name="Faces: blurred").click()
    wait_for_frame(page, CAMERA, wait_for_frame(page, CAMERA).sequence + DRAWN_FRAMES)
    if address:  # the wall came first: the page's head knows how late it draws
        page.goto(url.rstrip("/") + "/" + address)
        page.locator(complete).first.wait_for()
        page.wait_for_timeout(VIEW_MS)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    context.close()
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture.quantize(palette=palette_of(picture)).save(FOLDER / f"{name}.png", optimize=True)


def palette_of(picture: Image.Image) -> Image.Image:
    """Return a palette of the picture's most frequent colours and the page's accents."""
    frequent = picture.quantize(COLOURS).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [*frequent[: 3 * COLOURS], *(v for accent in ACCENTS for v in ImageColor.getrgb(accent))]
    )
    return palette


def main() -> None:
    """Start a demo that shows clear faces, and take every picture."""
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as folder,
        RunningStack(Path(folder), MIEN_DETECTOR__PREVIEW="clear") as stack,
        sync_playwright() as playwright,
    ):
        stack.wait_for_result(CAMERA)
        stack.store.set_wanted(blur=False)
        wait_for(lambda: stack.store.latest(CAMERA)["sequence"] > SETTLE_FRAMES, "a past", 300)  # type: ignore[index]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in SHOTS:
            shoot(browser, stack.record()["dashboard"], name)
        browser.close()


if __name__ == "__main__":
    main()
