"""Many cameras and slow browsers: one connection carries all, and what is seen never falls behind."""

import json

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.drawn import wait_for_frame
from tests.waiting import wait_for

STAND_STILL = """() => {
  const until = performance.now() + 5000;
  while (performance.now() < until);
}"""

ALL_MOVE = """names => names.every((name) => {
  const { sequence, boxes } = document.querySelector(`article[data-camera=${name}] canvas`)?.dataset ?? {};
  if (!boxes) return false;
  window.firsts ??= {};
  window.firsts[name] ??= sequence;
  return window.firsts[name] !== sequence;
})"""
"""Every camera has drawn two frames or more, with their boxes."""
NEAR_SCREEN = """() => [...document.querySelectorAll("article")].filter((tile) => {
  const { top, bottom } = tile.getBoundingClientRect();
  return bottom > -150 && top < innerHeight + 150;
}).map((tile) => tile.dataset.camera)"""
"""Cameras whose tiles are on the screen, or so near that they soon may be."""
NOTE_FOCUS = """() => {
  window.reached = [];
  addEventListener("focusin", (event) => window.reached.push(event.target.textContent));
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
    served.feed.interval_seconds = 0.3
    page.set_viewport_size({"width": 1600, "height": 1100})
    page.goto(served.url)
    page.wait_for_function(ALL_MOVE, arg=names)
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


def watched(served: Served) -> set[str]:
    """Return the cameras whose pictures the dashboard asks for."""
    return {topic.rpartition("/")[2] for topic in served.feed.topics if topic.startswith("preview/")}


def test_of_sixty_four_cameras_those_on_screen_are_watched_and_keys_lead_to_all(
    page: Page, served: Served
) -> None:
    names = add_cameras(served, 64)
    served.feed.interval_seconds = 0.4  # results come two frames later; after 1 s nobody waits for them
    page.goto(served.url)
    expect(page.locator("article")).to_have_count(64)

    def watches_what_is_near() -> set[str]:
        near = set(page.evaluate(NEAR_SCREEN))
        return near if near == watched(served) else set()

    served.store.set_state(
        names[1], "lost", "the camera at 10.0.0.5 refuses the connection: no more than 3 may read"
    )
    cover = page.locator(f"article[data-camera={names[1]}] .cover")
    expect(cover).to_contain_text("refuses")
    for query in ("?kiosk=1", ""):
        page.evaluate("query => { location.hash = `#/${query}`; }", query)
        expect(page.locator("article")).to_have_count(64)
        expect(cover).to_contain_text("refuses")
        assert cover.evaluate("cover => cover.scrollHeight <= cover.clientHeight")
    first = wait_for(watches_what_is_near, "only tiles near the screen are watched", 45)
    assert 6 < len(first) < 60
    wait_for_frame(page, names[0])
    page.evaluate(NOTE_FOCUS)
    page.get_by_role("link", name=names[0], exact=True).focus()
    for _ in names:
        page.keyboard.press("ArrowRight")
    assert page.evaluate("window.reached") == names
    last = page.locator(f"article[data-camera={names[-1]}]")
    expect(last).to_be_in_viewport(ratio=0.9)
    below = wait_for(watches_what_is_near, "what is watched follows the scrolling", 45)
    assert names[-1] in below
    assert names[0] not in below
    wait_for_frame(page, names[-1])
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    *_, first_tile, second_row, back = page.evaluate("window.reached")
    assert first_tile == back == names[0]
    assert 4 < names.index(second_row) < 12
