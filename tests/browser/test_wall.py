"""The wall in a real browser: pictures move, boxes lie on the faces, what is not live does not look so."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.drawn import canvas, outline, wait_for_frame
from tests.fake_stack import face, scene

FRAME = canvas("desk")
LIVE = "article[data-camera=desk][data-state=live]"


def test_pictures_move_and_boxes_lie_on_the_faces(page: Page, served: Served) -> None:
    page.goto(served.url)
    first = wait_for_frame(page, "desk")
    second = wait_for_frame(page, "desk", first.sequence + 3)
    assert first.boxes != second.boxes
    for drawn in (first, second):
        assert drawn.boxes == [list(scene(drawn.sequence)[1][0]["box"])]
    expect(page.locator(LIVE)).to_be_visible()


def test_what_lies_inside_a_box_on_the_canvas_is_the_face_of_that_frame(page: Page, served: Served) -> None:
    page.goto(served.url)
    wait_for_frame(page, "desk")
    inside, outside = page.evaluate(
        """query => {
          const canvas = document.querySelector(query);
          const [x, y, width, height] = canvas.dataset.boxes.split(" ").map(Number);
          const scale = canvas.width / 640;
          const context = canvas.getContext("2d");
          const red = (px, py) => context.getImageData(px * scale, py * scale, 1, 1).data[0];
          const at = [0.1, 0.5, 0.9];
          return [
            at.flatMap((dx) => at.map((dy) => red(x + dx * width, y + dy * height))),
            [[-8, height / 2], [width + 8, height / 2], [width / 2, height + 8]]
              .map(([dx, dy]) => red(x + dx, y + dy)),
          ];
        }""",
        FRAME,
    )
    assert min(inside) > 200
    assert max(outside) < 60


def test_the_box_on_the_canvas_keeps_to_the_moving_face(page: Page, served: Served) -> None:
    page.goto(served.url)
    after = 0
    for _ in range(4):
        after = wait_for_frame(page, "desk", after).sequence
        seen = outline(page, "desk")
        x, y, width, height = scene(seen.sequence)[1][0]["box"]
        centre = seen.centres["happy"]
        assert abs(centre[0] * 640 - (x + width / 2)) < 0.05 * width
        assert abs(centre[1] * 360 - (y + height / 2)) < 0.05 * width


def test_only_tiles_on_screen_are_watched(page: Page, served: Served) -> None:
    for number in range(12):
        served.store.put_camera(f"extra{number}", served.store.cameras()["desk"])
    page.set_viewport_size({"width": 420, "height": 700})
    page.goto(served.url)
    wait_for_frame(page, "desk")
    assert "result/desk" in served.feed.topics
    assert "result/extra11" not in served.feed.topics
    page.locator("article[data-camera=extra9]").scroll_into_view_if_needed()
    page.wait_for_function(
        "() => document.querySelector('article[data-camera=extra9] canvas').dataset.sequence > 0"
    )
    assert "result/desk" not in served.feed.topics


def test_a_frozen_picture_does_not_look_live(page: Page, served: Served) -> None:
    page.goto(served.url)
    wait_for_frame(page, "desk")
    served.feed.frozen = True
    tile = page.locator("article[data-camera=desk]")
    expect(tile).to_have_attribute("data-state", "stale")
    expect(tile.locator(".cover")).to_contain_text("no new picture for")
    expect(tile.locator(".state")).to_have_text("no picture")
    served.feed.frozen = False
    expect(page.locator(LIVE)).to_be_visible()


def test_a_lost_camera_says_since_when_and_why(page: Page, served: Served) -> None:
    page.goto(served.url)
    wait_for_frame(page, "desk")
    served.store.set_state("desk", "lost", "connection refused")
    tile = page.locator("article[data-camera=desk]")
    expect(tile.locator(".state")).to_contain_text("lost since")
    expect(tile.locator(".cover")).to_have_text("connection refused")


@pytest.mark.parametrize(("share", "shown"), [(0.82, "82 %"), (0.4, "40 %")])
def test_the_bars_show_the_largest_face(page: Page, served: Served, share: float, shown: str) -> None:
    served.feed._make = lambda n: (
        scene(n)[0],
        [face((0, 0, 9, 9), "fear", 0.9), face((60, 60, 90, 90), "sad", share)],
    )
    page.goto(served.url)
    wait_for_frame(page, "desk")
    bars = page.locator("article[data-camera=desk] .bars li")
    expect(bars).to_have_count(7)
    expect(bars.filter(has_text="sad")).to_contain_text(shown)
    expect(page.locator("article[data-camera=desk] .bars li.best")).to_have_count(1 if share > 0.5 else 0)


def test_cameras_come_and_go_without_a_reload(page: Page, served: Served) -> None:
    page.goto(served.url)
    wait_for_frame(page, "desk")
    served.store.put_camera("yard", served.store.cameras()["desk"])
    expect(page.locator("article[data-camera=yard]")).to_be_visible()
    served.store.remove_camera("yard")
    expect(page.locator("article[data-camera=yard]")).to_have_count(0)


def test_an_empty_wall_says_how_to_attach_a_camera(page: Page, served: Served) -> None:
    for name in list(served.store.cameras()):
        served.store.remove_camera(name)
    page.goto(served.url)
    expect(page.locator("main .empty")).to_contain_text("mien camera add")


def test_without_redis_the_page_says_so_and_recovers(page: Page, served: Served) -> None:
    page.goto(served.url)
    wait_for_frame(page, "desk")
    served.store.away = True
    expect(page.locator("#health")).to_have_text("out of reach")
    expect(page.locator("#remedies")).to_contain_text("Redis")
    served.store.away = False
    expect(page.locator("#health")).to_have_text("all well")


def test_the_page_is_light_and_fits_a_phone(page: Page, served: Served) -> None:
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(served.url)
    wait_for_frame(page, "desk")
    assert sum(sizes) < 500_000
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
