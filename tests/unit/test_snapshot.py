"""One live picture of a camera: blurred, never kept, and clear only where that is allowed."""

import asyncio
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from services.dashboard import snapshot
from services.dashboard.app import create_app
from services.dashboard.camera_feed import picture_jpeg
from services.dashboard.feeds import Hub
from shared.config import DashboardSettings, Settings
from shared.messages import Preview
from tests.fake_stack import FakeStore, SceneFeed, preview, process, scene


class BothFeeds(SceneFeed):
    """Shows the scene, and remembers every subscription."""

    def __init__(self) -> None:
        super().__init__(fps=50)
        self.ever: list[str] = []

    def subscribe(self, topic: str) -> None:
        self.ever.append(topic)
        super().subscribe(topic)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore("desk")


@pytest.fixture
def feed() -> BothFeeds:
    return BothFeeds()


@pytest.fixture
def client(store: FakeStore, feed: BothFeeds) -> Iterator[TestClient]:
    app = create_app(store, lambda: feed, Settings())  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def test_it_is_one_blurred_picture_that_nobody_keeps(client: TestClient, feed: BothFeeds) -> None:
    answer = client.get("/api/cameras/desk/snapshot.jpg")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (360, 640, 3)
    assert feed.ever == ["preview/blurred/desk"]
    assert not feed.topics


def test_clear_is_refused_while_pictures_are_blurred(
    client: TestClient, store: FakeStore, feed: BothFeeds
) -> None:
    store.processes = [process("detector", preview="clear")]
    assert client.get("/api/cameras/desk/snapshot.jpg?clear=true").status_code == 403
    store.blur = False
    store.processes = [process("detector", preview="blurred")]
    assert client.get("/api/cameras/desk/snapshot.jpg?clear=true").status_code == 403
    assert not feed.ever


def test_clear_is_given_where_it_is_allowed_and_asked_for(
    client: TestClient, store: FakeStore, feed: BothFeeds
) -> None:
    store.blur = False
    store.processes = [process("detector", preview="clear")]
    assert client.get("/api/cameras/desk/snapshot.jpg").status_code == 200
    assert client.get("/api/cameras/desk/snapshot.jpg?clear=true").status_code == 200
    assert feed.ever == ["preview/blurred/desk", "preview/clear/desk"]


def test_a_viewer_never_gets_a_clear_picture(store: FakeStore, feed: BothFeeds) -> None:
    store.blur = False
    store.processes = [process("detector", preview="clear")]
    settings = DashboardSettings(admin_token="admin-token-0123456789", viewer_token="viewer-token-0123456789")
    app = create_app(store, lambda: feed, Settings(dashboard=settings))  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        viewer = {"authorization": "Bearer viewer-token-0123456789"}
        path = "/api/cameras/desk/snapshot.jpg"
        assert client.get(path).status_code == 401
        assert client.get(path, headers=viewer).status_code == 200
        assert client.get(path, headers=viewer, params={"clear": True}).status_code == 403
    assert feed.ever == ["preview/blurred/desk"]


def test_an_unknown_camera_and_one_without_pictures_are_said(
    client: TestClient, feed: BothFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/api/cameras/door/snapshot.jpg").status_code == 404
    feed.frozen = True
    monkeypatch.setattr(snapshot, "WAIT_SECONDS", 0.1)
    assert client.get("/api/cameras/desk/snapshot.jpg").status_code == 504
    assert not feed.topics


def test_who_watches_goes_on_watching_after_a_snapshot() -> None:
    async def scenario() -> set[str]:
        source = SceneFeed()
        hub = Hub(source)
        viewer = hub.join()
        hub.watch(viewer, frozenset({"desk"}))
        waiting = asyncio.create_task(hub.next_picture("desk", Preview.BLURRED))
        await asyncio.sleep(0)
        hub.take("preview/blurred/desk", preview("desk", 1, scene(1)[0], 1))
        assert picture_jpeg(await waiting).startswith(b"\xff\xd8")
        return source.topics

    assert asyncio.run(scenario()) == {"result/desk", "preview/blurred/desk"}
