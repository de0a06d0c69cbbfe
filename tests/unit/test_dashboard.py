"""The dashboard's REST API, WebSocket and defences, over a store and feeds without processes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.websockets import WebSocketDisconnect

from services.dashboard.__main__ import listen, page_url
from services.dashboard.app import create_app
from services.dashboard.security import MAX_BODY_BYTES, Guard
from shared.config import DashboardSettings, Settings
from shared.errors import ConfigError
from tests.fake_stack import FakeStore, SceneFeed, process, result


@pytest.fixture
def store() -> FakeStore:
    return FakeStore("desk")


@pytest.fixture
def feed() -> SceneFeed:
    return SceneFeed(fps=50)


@pytest.fixture
def client(store: FakeStore, feed: SceneFeed) -> Iterator[TestClient]:
    app = create_app(store, lambda: feed, Settings())  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def messages(socket: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Give the text messages of one kind, past all others."""
    while True:
        message = socket.receive()
        if message.get("text") and json.loads(message["text"])["type"] == kind:
            yield json.loads(message["text"])


def test_cameras_are_added_listed_and_removed(client: TestClient) -> None:
    added = client.post("/api/cameras", json={"name": "yard", "source": "rtsp://me:secret@cam/1", "fps": 5})
    assert added.status_code == 201
    assert [camera["name"] for camera in client.get("/api/cameras").json()] == ["desk", "yard"]
    assert "secret" not in added.text + client.get("/api/cameras").text + client.get("/api/status").text
    assert client.delete("/api/cameras/yard").status_code == 204
    assert client.delete("/api/cameras/yard").status_code == 404


@pytest.mark.parametrize(
    ("camera", "where"),
    [
        ({"name": "Yard", "source": "0"}, "name"),
        ({"name": "yard"}, "source"),
        ({"name": "yard", "source": "0", "speed": 3}, "speed"),
        ({"name": "yard", "source": "0", "rotate": 45}, "rotate"),
    ],
)
def test_a_wrong_camera_is_refused_by_field(client: TestClient, camera: dict[str, Any], where: str) -> None:
    answer = client.post("/api/cameras", json=camera)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(where)


def test_a_refusal_does_not_repeat_what_was_sent(client: TestClient) -> None:
    answer = client.post("/api/cameras", json={"name": "yard", "source": "rtsp://me:secret@cam", "fps": "x"})
    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_a_camera_is_not_replaced_by_accident(client: TestClient) -> None:
    assert client.post("/api/cameras", json={"name": "desk", "source": "0"}).status_code == 409


def test_results_come_in_pages(client: TestClient, store: FakeStore) -> None:
    rows = [{**result("desk", number, [], 10**18 + number), "id": f"{number}-0"} for number in range(1, 6)]
    store.recorded["desk"] = rows
    first = client.get("/api/cameras/desk/results", params={"from": "1000000000", "limit": 3}).json()
    assert [row["sequence"] for row in first["results"]] == [1, 2, 3]
    assert first["next"] == "3-0"
    query = {"from": "1000000000", "limit": 3, "after": first["next"]}
    second = client.get("/api/cameras/desk/results", params=query).json()
    assert [row["sequence"] for row in second["results"]] == [4, 5]
    assert second["next"] is None
    assert client.get("/api/cameras/desk/latest").json()["sequence"] == 5
    assert client.get("/api/cameras/door/latest").status_code == 404


@pytest.mark.parametrize("query", ["from=soon", "limit=0", "limit=9999", "after=x"])
def test_a_wrong_query_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/cameras/desk/results?{query}").status_code == 422


def test_without_redis_the_answer_says_so(client: TestClient, store: FakeStore) -> None:
    store.away = True
    answer = client.get("/api/status")
    assert answer.status_code == 503
    assert "Redis" in answer.json()["detail"]
    assert client.get("/healthz").status_code == 200


def test_prometheus_finds_every_process(client: TestClient, store: FakeStore) -> None:
    targets = client.get("/api/prometheus-targets").json()
    assert len(targets) == len(store.processes)
    assert targets[0]["labels"]["service"] == "broker"
    assert targets[0]["targets"] == ["box:9101"]


def test_the_page_and_its_parts_are_served_with_a_strict_policy(client: TestClient) -> None:
    page = client.get("/")
    assert "<title>Mien</title>" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert client.get("/static/app.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/static/..%2fapp.py").status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "", "[::1"])
def test_a_name_that_is_not_ours_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/cameras", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "localhost", "dashboard:8080"])
def test_addresses_and_plain_names_are_ours(client: TestClient, host: str) -> None:
    assert client.get("/api/cameras", headers={"host": host}).status_code == 200


def test_another_sites_page_may_not_write(client: TestClient) -> None:
    for origin in ("http://evil.example", "null", "http://localhost:9"):
        answer = client.delete("/api/cameras/desk", headers={"origin": origin})
        assert answer.status_code == 403
    assert client.delete("/api/cameras/desk", headers={"origin": "http://localhost:8080"}).status_code == 204


def test_another_sites_page_may_not_watch(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/ws", headers={"origin": "http://evil.example"}),
    ):
        pass


def test_large_bodies_are_refused(client: TestClient) -> None:
    body = b"[" + b" " * MAX_BODY_BYTES + b"]"
    headers = {"content-type": "application/json"}
    assert client.post("/api/cameras", content=body, headers=headers).status_code == 413
    assert client.post("/api/cameras", content=iter([body]), headers=headers).status_code == 413


def test_a_viewer_gets_each_result_and_then_its_picture(client: TestClient) -> None:
    ours = {"host": "localhost:8080", "origin": "http://localhost:8080"}
    with client.websocket_connect("/ws", headers=ours) as socket:
        socket.send_text(json.dumps({"watch": ["desk"]}))
        found = next(messages(socket, "result"))["result"]
        picture = socket.receive()["bytes"]
        head = json.loads(picture[4 : 4 + int.from_bytes(picture[:4], "big")])
        assert (head["camera"], head["run"], head["sequence"]) == ("desk", found["run"], found["sequence"])
        assert picture[-2:] == b"\xff\xd9"  # the end of a JPEG


def test_a_viewer_gets_the_status_every_second(client: TestClient, store: FakeStore) -> None:
    with client.websocket_connect("/ws") as socket:
        statuses = messages(socket, "status")
        assert next(statuses)["status"]["cameras"][0]["camera"] == "desk"
        store.away = True
        assert any("Redis" in status.get("error", "") for status, _ in zip(statuses, range(5), strict=False))


@pytest.mark.parametrize("declared", [True, False])
def test_a_route_may_have_a_body_limit_of_its_own(declared: bool) -> None:
    async def measure(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    routes = [Route(path, measure, methods=["POST"]) for path in ("/pictures", "/other")]
    client = TestClient(
        Guard(Starlette(routes=routes), body_limits={"/pictures": 200_000}), base_url="http://localhost"
    )

    def status(path: str, size: int) -> int:
        body = b"x" * size
        return client.post(
            path, content=body if declared else iter([body[: size // 2], body[size // 2 :]])
        ).status_code

    assert [status("/pictures", size) for size in (200_000, 200_001)] == [200, 413]
    assert [status("/other", size) for size in (MAX_BODY_BYTES, MAX_BODY_BYTES + 1)] == [200, 413]


def test_feeds_are_given_up_when_the_viewer_leaves(client: TestClient, feed: SceneFeed) -> None:
    with client.websocket_connect("/ws") as socket:
        socket.send_text(json.dumps({"watch": ["desk"]}))
        next(messages(socket, "result"))
        assert feed.topics
    assert not feed.topics


@pytest.mark.parametrize(
    ("blur", "settings", "topic"),
    [
        (True, ["clear"], "preview/blurred/desk"),
        (False, ["blurred"], "preview/blurred/desk"),
        (False, ["clear", "blurred"], "preview/blurred/desk"),
        (False, ["clear", "clear"], "preview/clear/desk"),
    ],
)
def test_pictures_are_clear_only_if_user_and_detectors_agree(
    client: TestClient, store: FakeStore, feed: SceneFeed, blur: bool, settings: list[str], topic: str
) -> None:
    store.blur = blur
    store.processes = [process("detector", number, preview=own) for number, own in enumerate(settings)]
    with client.websocket_connect("/ws") as socket:
        socket.send_text(json.dumps({"watch": ["desk"], "clear": True}))
        statuses = messages(socket, "status")
        next(statuses)
        assert next(statuses)["clear"] is topic.startswith("preview/clear")
        assert feed.topics == {"result/desk", topic}


@pytest.mark.parametrize("text", ["", "[]", '{"watch": ["../x"]}', '{"watch": 1}', '{"other": 1}'])
def test_a_malformed_message_ends_that_connection_only(client: TestClient, text: str) -> None:
    with client.websocket_connect("/ws") as socket:
        socket.send_text(text)
        with pytest.raises(WebSocketDisconnect):
            next(messages_until_closed(socket))
    assert client.get("/healthz").status_code == 200


def messages_until_closed(socket: Any) -> Iterator[None]:
    """Read until the server closes, which raises WebSocketDisconnect."""
    while True:
        message = socket.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message["code"])


def test_a_taken_port_gives_one_line_with_the_remedy() -> None:
    first = listen(DashboardSettings(port=0))
    port = first.getsockname()[1]
    assert page_url(first) == f"http://127.0.0.1:{port}/"
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*MIEN_DASHBOARD__PORT"):
        listen(DashboardSettings(port=port))
    first.close()
