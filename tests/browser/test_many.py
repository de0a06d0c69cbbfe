"""Many cameras and slow browsers: one connection carries all, and what is seen never falls behind."""

import json

from playwright.sync_api import Page

from tests.browser.conftest import Served
from tests.browser.drawn import wait_for_frame

STAND_STILL = """() => {
  const until = performance.now() + 5000;
  while (performance.now() < until);
}"""


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
    """What was captured while the page took nothing is not sent to it later."""
    names = add_cameras(served, 6)
    taken: list[int] = []

    def note(message: str | bytes) -> None:
        if isinstance(message, bytes):
            header = json.loads(message[4 : 4 + int.from_bytes(message[:4], "big")])
            taken.extend([header["sequence"]] if header["camera"] == "desk" else [])

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.set_viewport_size({"width": 1600, "height": 1100})
    page.goto(served.url)
    for name in names:
        wait_for_frame(page, name)
    before = served.feed.sequence
    page.evaluate(STAND_STILL)
    after = served.feed.sequence
    wait_for_frame(page, "desk", after)
    assert len([number for number in taken if before < number <= after]) < (after - before) / 2
    assert taken == sorted(taken)
