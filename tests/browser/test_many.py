"""Many cameras and slow browsers: one connection carries all, and what is seen never falls behind."""

from playwright.sync_api import Page

from tests.browser.conftest import Served
from tests.browser.drawn import canvas, wait_for_frame

SLOW_PARSING = """() => {
  const parse = JSON.parse;
  JSON.parse = (text) => {
    const until = performance.now() + 25;
    while (performance.now() < until);
    return parse(text);
  };
}"""
"""Each message costs this page 25 ms: less than half of what six cameras send can be taken."""
SECONDS_BEHIND = 1.5


def add_cameras(served: Served, number: int) -> list[str]:
    """Attach cameras until there are so many; return all names."""
    settings = served.store.cameras()["desk"]
    for extra in range(number - 2):
        served.store.put_camera(f"extra{extra}", settings)
        served.store.set_state(f"extra{extra}", "live")
    return list(served.store.cameras())


def test_sixteen_cameras_move_at_once_over_one_connection(page: Page, served: Served) -> None:
    names = add_cameras(served, 16)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.set_viewport_size({"width": 1600, "height": 1100})
    page.goto(served.url)
    for name in names:
        first = wait_for_frame(page, name)
        assert wait_for_frame(page, name, first.sequence).boxes
    assert len(sockets) == 1


def test_a_slow_browser_gets_fewer_frames_and_does_not_fall_behind(page: Page, served: Served) -> None:
    names = add_cameras(served, 6)
    page.set_viewport_size({"width": 1600, "height": 1100})
    page.goto(served.url)
    for name in names:
        wait_for_frame(page, name)
    page.evaluate(SLOW_PARSING)
    start = served.feed.sequence
    drawn: set[int] = set()
    behind = 0
    while served.feed.sequence < start + 120:
        newest = wait_for_frame(page, "desk", max(drawn, default=start)).sequence
        behind = served.feed.sequence - newest
        drawn.add(newest)
    assert len(drawn) < 100
    assert behind < SECONDS_BEHIND * 12
    assert int(page.locator(canvas("desk")).get_attribute("data-sequence") or 0) > start
