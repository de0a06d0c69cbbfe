"""Pictures meet their results; viewers get the newest; nothing is subscribed that nobody watches."""

import asyncio
import json
import time

import pytest

from services.dashboard.camera_feed import KEPT_PICTURES, picture_key
from services.dashboard.feeds import Hub
from services.dashboard.viewers import View, Viewer
from shared.messages import Preview
from shared.topology import preview_topic
from tests.fake_stack import RUN, SceneFeed, preview, result, scene


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def source() -> SceneFeed:
    return SceneFeed()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(source: SceneFeed, clock: Clock) -> Hub:
    return Hub(source, clock)


def watcher(hub: Hub, *cameras: str) -> Viewer:
    viewer = hub.join()
    hub.watch(viewer, frozenset(cameras))
    return viewer


def picture_of(camera: str, sequence: int) -> bytes:
    return preview(camera, sequence, scene(sequence)[0], time.time_ns())


def result_of(camera: str, sequence: int) -> bytes:
    return json.dumps(result(camera, sequence, [], time.time_ns())).encode()


def waiting(viewer: Viewer) -> View | str | None:
    async def take() -> View | str | None:
        try:
            return await asyncio.wait_for(viewer.next(), 0.01)
        except TimeoutError:
            return None

    return asyncio.run(take())


def test_only_what_is_watched_is_subscribed(hub: Hub, source: SceneFeed) -> None:
    first, second = watcher(hub, "desk"), watcher(hub, "desk", "door")
    assert source.topics == {"result/desk", "preview/blurred/desk", "result/door", "preview/blurred/door"}
    hub.watch(second, frozenset({"desk"}))
    assert source.topics == {"result/desk", "preview/blurred/desk"}
    hub.leave(first)
    hub.leave(second)
    assert source.topics == set()
    assert not hub.viewers


def test_a_picture_waits_for_the_result_of_that_very_frame(hub: Hub) -> None:
    viewer = watcher(hub, "desk")
    hub.take("preview/blurred/desk", picture_of("desk", 1))
    hub.take("preview/blurred/desk", picture_of("desk", 2))
    assert waiting(viewer) is None
    hub.take("result/desk", result_of("desk", 1))
    view = waiting(viewer)
    assert isinstance(view, View)
    assert view.picture is not None
    assert view.result is not None
    assert picture_key(view.picture).sequence == json.loads(view.result)["sequence"] == 1


def test_pictures_go_alone_where_no_results_come(hub: Hub, clock: Clock) -> None:
    viewer = watcher(hub, "desk")
    clock.now = 1.5
    hub.take("preview/blurred/desk", picture_of("desk", 1))
    view = waiting(viewer)
    assert isinstance(view, View)
    assert view.result is None
    assert view.picture is not None


def test_a_viewer_that_does_not_read_keeps_one_view_per_camera(hub: Hub) -> None:
    viewer = watcher(hub, "desk", "door")
    for sequence in range(1, 50):
        for camera in ("desk", "door"):
            hub.take(f"preview/blurred/{camera}", picture_of(camera, sequence))
            hub.take(f"result/{camera}", result_of(camera, sequence))
    views = [waiting(viewer), waiting(viewer)]
    assert waiting(viewer) is None
    assert {json.loads(view.result or b"{}")["camera"] for view in views if isinstance(view, View)} == {
        "desk",
        "door",
    }
    assert all(isinstance(view, View) and picture_key(view.picture or b"").sequence == 49 for view in views)


def test_pictures_without_results_do_not_pile_up(hub: Hub) -> None:
    watcher(hub, "desk")
    for sequence in range(1, 100):
        hub.take("preview/blurred/desk", picture_of("desk", sequence))
    assert len(hub._feeds["desk", Preview.BLURRED]._pictures) == KEPT_PICTURES


def pictures_for(hub: Hub, *viewers: Viewer) -> list[str]:
    """Return which of the two pictures of a frame each viewer gets."""
    head = json.dumps({"camera": "desk", "run": RUN, "sequence": 1}).encode()
    for shown in Preview:
        hub.take(preview_topic("desk", shown), len(head).to_bytes(4, "big") + head + shown.encode())
    hub.take("result/desk", result_of("desk", 1))
    views = [waiting(viewer) for viewer in viewers]
    pictures = [view.picture or b"" for view in views if isinstance(view, View)]
    return [picture.rpartition(b"}")[2].decode() for picture in pictures]


def test_clear_pictures_go_to_who_may_and_would_while_it_is_allowed(hub: Hub, source: SceneFeed) -> None:
    viewer, admin, shy = hub.join(), hub.join(may_see_clear=True), hub.join(may_see_clear=True)
    for one in (viewer, admin, shy):
        hub.watch(one, frozenset({"desk"}))
    hub.ask_clear(viewer, True)
    hub.ask_clear(admin, True)
    blurred = {"result/desk", "preview/blurred/desk"}
    assert source.topics == blurred, "undecided means blurred"
    hub.allow_clear(True)
    assert source.topics == blurred | {"preview/clear/desk"}
    assert pictures_for(hub, viewer, admin, shy) == ["blurred", "clear", "blurred"]
    hub.allow_clear(False)
    assert source.topics == blurred
    assert pictures_for(hub, viewer, admin, shy) == ["blurred", "blurred", "blurred"]
    hub.allow_clear(True)
    hub.ask_clear(admin, False)
    assert source.topics == blurred
    for one in (viewer, admin, shy):
        hub.leave(one)
    assert source.topics == set()


def test_a_clear_picture_that_waits_is_dropped_when_it_is_no_longer_allowed(hub: Hub) -> None:
    admin = hub.join(may_see_clear=True)
    hub.watch(admin, frozenset({"desk"}))
    hub.ask_clear(admin, True)
    hub.allow_clear(True)
    hub.take("preview/clear/desk", picture_of("desk", 1))
    hub.take("result/desk", result_of("desk", 1))
    hub.allow_clear(False)
    assert waiting(admin) is None


@pytest.mark.parametrize("payload", [b"", b"\0\0\0\x04{}", b"\xff\xff\xff\xff{}", b"\0\0\0\x02{}jpeg"])
def test_a_malformed_picture_is_refused(hub: Hub, payload: bytes) -> None:
    watcher(hub, "desk")
    with pytest.raises(ValueError):
        hub.take("preview/blurred/desk", payload)


def crops_of(camera: str) -> bytes:
    head = json.dumps({"type": "crops", "camera": camera, "run": RUN, "sequence": 1, "count": 1, "side": 96})
    return len(head).to_bytes(4, "big") + head.encode() + bytes(96 * 96)


def test_crops_go_to_an_admin_who_asks_and_only_while_clear_is_allowed(hub: Hub, source: SceneFeed) -> None:
    admin, viewer = hub.join(may_see_clear=True), hub.join()
    for one in (admin, viewer):
        hub.explain(one, "desk")
    assert source.topics == set()
    hub.allow_clear(True)
    assert source.topics == {"crop/desk"}
    hub.take("crop/desk", crops_of("desk"))
    assert waiting(admin) == View(None, crops_of("desk"))
    assert waiting(viewer) is None
    hub.explain(admin, "door")
    assert source.topics == {"crop/door"}
    hub.take("crop/door", crops_of("door"))
    hub.allow_clear(False)
    assert source.topics == set()
    assert waiting(admin) is None
    hub.allow_clear(True)
    assert source.topics == {"crop/door"}
    with pytest.raises(ValueError, match="header"):
        hub.take("crop/door", b"none")
    hub.leave(admin)
    assert source.topics == set()
