"""What the page weighs, and how soon it shows something: two parts of `tests.bench.wall`."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from services.dashboard.app import STATIC
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.drawn import wait_for_frame
from tests.browser.figures import Weight, add_by_form, first_paint_ms, weight
from tests.media import carphone
from tests.running_stack import RunningStack

RUNS = 5


def first_paint(url: str, camera: str) -> None:
    """Open the wall several times with an empty cache; print first paint, first picture, weight."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        loads = [load(browser, url, camera) for _ in range(RUNS)]
        browser.close()
    paints, pictures, weights = zip(*loads, strict=True)
    files = [path for path in STATIC.rglob("*") if path.is_file() and path.suffix in (".js", ".css", ".svg")]
    whole = sum(path.stat().st_size for path in files)
    print(f"first contentful paint: {spread(paints)}; a camera's first picture drawn: {spread(pictures)}")
    loaded = f"{weights[0].bytes / 1000:.0f} kB in {weights[0].files} files"
    print(f"the wall loads {loaded}; all files of all views: {whole / 1000:.0f} kB")


def load(browser: Browser, url: str, camera: str) -> tuple[float, float, Weight]:
    """Open the wall with nothing in the cache; return first paint and first picture in ms, and the weight."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    wait_for_frame(page, camera)
    measured = first_paint_ms(page), float(page.evaluate("() => performance.now()")), weight(page)
    context.close()
    return measured


def added() -> None:
    """Measure how soon a camera that is added by form is live, in a whole stack."""
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as folder,
        RunningStack(Path(folder), "--no-demo", "--detection-width", "320", "--classifiers", "1") as stack,
        sync_playwright() as playwright,
    ):
        stack.wait_until("capture", 1)
        stack.wait_until("classifier", 1)
        stack.wait_until("dashboard", 1)
        url = str(stack.record()["dashboard"]).rstrip("/") + "/"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        seconds = []
        for number in range(RUNS):
            seconds.append(1000 * add_by_form(page, url, f"cam{number}", carphone()))
            stack.store.remove_camera(f"cam{number}")
        browser.close()
    print(f"from `Add it` to a live tile: {spread(seconds)}")


def spread(values_ms: Sequence[float]) -> str:
    """Write the median and the range of times in ms."""
    return f"{statistics.median(values_ms):.0f} ms ({min(values_ms):.0f} to {max(values_ms):.0f})"
