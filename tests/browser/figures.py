"""Figures that the page measures itself: its first paint, its weight, how soon a new camera is live."""

from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, expect

PAINT = """() => new Promise((resolve) => {
  const done = (entries) => entries.forEach(
    ({ name, startTime }) => name === "first-contentful-paint" && resolve(startTime));
  new PerformanceObserver((list) => done(list.getEntries())).observe({ type: "paint", buffered: true });
})"""
WEIGHT = """() => {
  const loaded = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  return { files: loaded.length, bytes: loaded.reduce((sum, entry) => sum + entry.decodedBodySize, 0) };
}"""
CLICKED = """() => document.querySelector("form").addEventListener(
  "submit", () => (window.submittedAt = performance.now()))"""
LIVE_AFTER = """query => document.querySelector(query) && (performance.now() - window.submittedAt) / 1000"""


class Weight(NamedTuple):
    """What a page has loaded so far, without its WebSocket; bytes as its scripts see them, not compressed."""

    files: int
    bytes: int


def first_paint_ms(page: Page) -> float:
    """Return when the page's first content was painted, in ms since it was asked for."""
    return float(page.evaluate(PAINT))


def weight(page: Page) -> Weight:
    """Return what the page has loaded."""
    return Weight(**page.evaluate(WEIGHT))


def add_by_form(page: Page, url: str, name: str, video: Path) -> float:
    """Add a video as a camera as a person does; return the seconds from the last click to a live tile.

    Args:
        page: any page.
        url: of the dashboard, with its slash.
        name: of the new camera.
        video: what it shows, with one face in its first frame.
    """
    page.goto(f"{url}#/cameras?add=file")
    page.get_by_label("Path").fill(str(video))
    page.get_by_role("button", name="Show a picture").click()
    expect(page.locator("canvas[data-faces='1']")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill(name)
    page.evaluate(CLICKED)
    page.get_by_role("button", name="Add it").click()
    live = f"article[data-camera={name}][data-state=live]"
    return float(page.wait_for_function(LIVE_AFTER, arg=live, timeout=60_000).json_value())
