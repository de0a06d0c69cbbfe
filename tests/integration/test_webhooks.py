"""Webhooks from condition to receiver: a real Redis, a real HTTP server that fails, and the API."""

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.dashboard import sender
from services.dashboard.app import create_app
from services.dashboard.sender import Courier, WebhookSender, wait_seconds
from services.dashboard.watching import Watcher
from shared.config import CameraSettings, DashboardSettings, RedisSettings, Settings, WebhookSettings
from shared.records import Advance, CameraState, Facts, Recorded, WantedWebhook, WebhookState
from shared.store import Store
from shared.store_webhooks import MAX_WAITING
from tests.fake_stack import SceneFeed, face, result
from tests.waiting import wait_for

SECRET = "a secret of thirty letters ..."
SECOND = 1_000_000_000


class Receiver(ThreadingHTTPServer):
    """Takes POSTs on loopback and keeps them; the first answers are these, all further ones 204."""

    daemon_threads = True

    def __init__(self, *answers: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.requests: list[tuple[dict[str, str], bytes, int]] = []
        self.delay = 0.0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/geheim?token=geheim"

    def accepted(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, answer in self.requests if answer < 300]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        time.sleep(self.server.delay)
        self.server.requests.append((dict(self.headers), body, answer))
        self.send_response(answer)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(sender, "FIRST_WAIT_SECONDS", 0.05)


@pytest.fixture
def senders(store: Store) -> Iterator[Any]:
    """Start senders; they are stopped in the end."""
    started: list[WebhookSender] = []

    def start(instance: str = "dashboard-1", **webhooks: WebhookSettings) -> WebhookSender:
        made = WebhookSender(store, Settings(webhooks=webhooks), instance)
        made.start()
        started.append(made)
        return made

    yield start
    for each in started:
        each.stop()


def lost(receiver: Receiver, **values: Any) -> WebhookSettings:
    given = {"when": "lost", "lasts": 0.1, "quiet": 0, "secret": SECRET, "url": receiver.url}
    return WebhookSettings(**(given | values))


def say(store: Store, camera: str, state: Any) -> None:
    store.publish_cameras([CameraState(camera=camera, state=state, since_ns=time.time_ns())])


def record(store: Store, camera: str, sequence: int, emotion: str, captured_ns: int) -> None:
    document = {
        **result(camera, sequence, [face((0, 0, 9, 9), emotion)], captured_ns),
        "captured_ns": captured_ns,
    }
    recorded = Recorded(
        sequence=sequence, json=json.dumps(document).encode(), minute=captured_ns // (60 * SECOND),
        counts={}, facts=Facts(captured_ns=captured_ns, emotions={}, stages={}), results_seconds=3600,
        minutes_seconds=3600,
    )  # fmt: skip
    store.apply([Advance(camera=camera, run=1, live=True, captured=sequence, result=recorded)])


def check_signature(headers: dict[str, str], body: bytes) -> None:
    """As docs/webhooks.md tells receivers to."""
    parts = dict(part.split("=", 1) for part in headers["Mien-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(parts["v1"], expected)
    assert abs(time.time() - int(parts["t"])) < 60


def test_a_receiver_that_fails_twice_gets_everything_once_in_order_and_signed(
    store: Store, senders: Any, receiver: Receiver
) -> None:
    receiver.answers = [500, 503]
    store.put_camera("door", CameraSettings(source="0"))
    store.webhooks.put("gone", lost(receiver))
    say(store, "door", "lost")
    senders()
    wait_for(lambda: len(receiver.accepted()) == 1, "the first message")
    say(store, "door", "live")
    wait_for(lambda: len(receiver.accepted()) == 2, "the second message")
    began, ended = receiver.accepted()
    assert [began["event"], ended["event"]] == ["began", "ended"]
    assert (began["webhook"], began["camera"], began["condition"]["when"]) == ("gone", "door", "lost")
    assert ended["began_at"] == began["began_at"] <= ended["at"]
    assert [answer for _, _, answer in receiver.requests] == [500, 503, 204, 204]
    first_three = {headers["Mien-Delivery"] for headers, _, _ in receiver.requests[:3]}
    assert first_three == {began["id"]}
    for headers, body, _ in receiver.requests:
        check_signature(headers, body)
    figures = wait_for(
        lambda: (now := store.webhooks.figures("gone")).get("delivered") == 2 and now, "both being counted"
    )
    assert figures["waiting"] == 0
    assert figures["result"] == "204"


def test_the_share_of_an_emotion_on_a_camera_is_sent_with_its_n(
    store: Store, senders: Any, receiver: Receiver
) -> None:
    store.put_camera("door", CameraSettings(source="0"))
    now = time.time_ns()
    for number in range(41):
        record(
            store, "door", number + 1, "angry" if number > 12 else "sad", now - (40 - number) * SECOND // 4
        )
    angry = WebhookSettings(
        url=receiver.url, when="emotion", emotion="angry", above=0.5, lasts=10, cameras=["door"]
    )
    senders(angry=angry)
    (began,) = wait_for(receiver.accepted, "the message")
    assert 0.5 < began["value"] < 0.75
    assert 8 <= began["face_seconds"] <= 10
    assert began["people"] == 1
    assert "Mien-Signature" not in receiver.requests[0][0]


def test_of_two_dashboards_one_sends_and_the_other_takes_over(
    store: Store, senders: Any, receiver: Receiver
) -> None:
    store.put_camera("door", CameraSettings(source="0"))
    store.webhooks.put("gone", lost(receiver))
    say(store, "door", "lost")
    first, _ = senders("dashboard-1"), senders("dashboard-2")
    wait_for(lambda: store.webhooks.figures("gone").get("delivered") == 1, "the first message")
    first.stop()  # before that was noted, the other would send it again, under the same id
    say(store, "door", "live")
    wait_for(lambda: len(receiver.accepted()) >= 2, "the other's message")
    assert [each["event"] for each in receiver.accepted()] == ["began", "ended"]


def test_what_waits_survives_a_restart_and_is_not_said_twice(
    store: Store, senders: Any, receiver: Receiver
) -> None:
    receiver.answers = [500] * 3
    store.put_camera("door", CameraSettings(source="0"))
    store.webhooks.put("gone", lost(receiver))
    say(store, "door", "lost")
    first = senders("dashboard-1")
    wait_for(lambda: receiver.requests, "an attempt")
    first.stop()
    senders("dashboard-1")
    wait_for(receiver.accepted, "the message")
    say(store, "door", "live")
    wait_for(lambda: len(receiver.accepted()) >= 2, "the second message")
    assert [each["event"] for each in receiver.accepted()] == ["began", "ended"]


def work(courier: Courier, wanted: dict[str, WantedWebhook], until: Any) -> None:
    """Work until something is so."""

    def step() -> bool:
        courier.work(wanted, time.time_ns())
        return bool(until())

    wait_for(step, "the courier's work")


def queue(store: Store, name: str, number: int, at_ns: int | None = None) -> bool:
    message = {"id": f"{number}", "event": "began", "at_ns": at_ns or time.time_ns()}
    return store.webhooks.say(
        name, "door", WebhookState(began_ns=1, holds=True), json.dumps(message).encode()
    )


def test_a_queue_is_bounded_and_what_does_not_fit_is_counted(store: Store, receiver: Receiver) -> None:
    fits = [queue(store, "gone", number) for number in range(MAX_WAITING + 3)]
    assert fits == [True] * MAX_WAITING + [False] * 3
    assert store.webhooks.figures("gone") == {"waiting": MAX_WAITING, "full": 3}


def test_refused_and_old_messages_are_given_up_and_redirects_not_followed(
    store: Store, receiver: Receiver
) -> None:
    receiver.answers = [410, 302]
    wanted = {"gone": WantedWebhook(settings=lost(receiver), origin="user")}
    for number in range(3):
        queue(store, "gone", number)
    queue(store, "gone", 9, time.time_ns() - 3600 * SECOND)
    courier = Courier(store, "private")
    work(courier, wanted, lambda: store.webhooks.figures("gone")["waiting"] == 0)
    figures = store.webhooks.figures("gone")
    assert (figures["refused"], figures["delivered"], figures["expired"]) == (2, 1, 1)
    assert [each["id"] for each in receiver.accepted()] == ["2"]


def test_a_slow_receiver_holds_up_no_other(store: Store, receiver: Receiver) -> None:
    with Receiver() as slow:
        slow.delay = 3
        wanted = {
            name: WantedWebhook(settings=lost(to), origin="user")
            for name, to in (("a", slow), ("b", receiver))
        }
        for number in range(3):
            queue(store, "a", number)
            queue(store, "b", number)
        courier = Courier(store, "private")
        work(courier, wanted, lambda: len(receiver.accepted()) == 3)
        assert not slow.accepted()
        slow.shutdown()


def test_nothing_is_sent_where_it_may_not_go(store: Store, receiver: Receiver) -> None:
    wanted = {"gone": WantedWebhook(settings=lost(receiver), origin="user")}
    queue(store, "gone", 1)
    courier = Courier(store, "public")
    work(courier, wanted, lambda: "may not go" in store.webhooks.figures("gone").get("result", ""))
    assert not receiver.requests


def test_waits_grow_up_to_a_minute() -> None:
    assert 0.025 <= wait_seconds(1) <= 0.05
    assert 25.6 <= wait_seconds(12) <= 51.2  # from 0.05 s on, doubled ten times at most
    assert wait_seconds(10_000) <= 60


def test_the_settings_files_webhooks_replace_those_of_before(
    store: Store, senders: Any, receiver: Receiver
) -> None:
    store.webhooks.put("old", lost(receiver), "config")
    store.webhooks.put("mine", lost(receiver))
    senders(new=lost(receiver))
    wait_for(lambda: set(store.webhooks.wanted()) == {"mine", "new"}, "the change")
    assert store.webhooks.wanted()["new"].settings == lost(receiver)


def test_a_removed_webhook_is_forgotten(store: Store, receiver: Receiver) -> None:
    store.put_camera("door", CameraSettings(source="0"))
    store.webhooks.put("gone", lost(receiver))
    watcher = Watcher(store)
    for seconds in (0, 1):
        watcher.look(store.webhooks.wanted(), seconds * SECOND)
    assert store.webhooks.figures("gone")["waiting"] == 1
    assert ("gone", "door") in store.webhooks.states()
    store.webhooks.remove("gone")
    watcher.look(store.webhooks.wanted(), 2 * SECOND)
    assert store.webhooks.states() == {}
    assert store.webhooks.figures("gone") == {"waiting": 0}


# --- the API ------------------------------------------------------------------------------------------


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    app = create_app(store, SceneFeed, Settings())
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def new(receiver: Receiver, **values: Any) -> dict[str, Any]:
    given = {
        "name": "angry",
        "url": receiver.url,
        "secret": SECRET,
        "when": "faces",
        "above": 2,
        "lasts": "10s",
    }
    return given | values


def test_webhooks_are_added_changed_tried_and_removed(
    client: TestClient, receiver: Receiver, store: Store
) -> None:
    added = client.post("/api/webhooks", json=new(receiver))
    assert added.status_code == 201
    assert (added.json()["signed"], added.json()["lasts"]) == (True, 10.0)
    assert client.post("/api/webhooks", json=new(receiver)).status_code == 409
    changed = client.patch(
        "/api/webhooks/angry", json={"above": 5, "url": added.json()["url"], "lasts": "1m"}
    )
    assert (changed.json()["above"], changed.json()["lasts"]) == (5.0, 60.0)
    assert store.webhooks.wanted()["angry"].settings.url.get_secret_value() == receiver.url
    tried = client.post("/api/webhooks/angry/test").json()
    assert (tried["delivered"], tried["result"]) == (True, "204")
    (message,) = receiver.accepted()
    assert message["event"] == "test"
    check_signature(*receiver.requests[0][:2])
    shown = client.get("/api/webhooks").json()
    assert [(each["name"], each["waiting"]) for each in shown] == [("angry", 0)]
    assert client.delete("/api/webhooks/angry").status_code == 204
    for answer in (
        client.delete("/api/webhooks/angry"),
        client.patch("/api/webhooks/angry", json={}),
        client.post("/api/webhooks/angry/test"),
    ):
        assert answer.status_code == 404


def test_no_secret_is_ever_shown_back(
    client: TestClient, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500, 404]
    answers = [
        client.post("/api/webhooks", json=new(receiver)),
        client.post("/api/webhooks", json=new(receiver, name="other", above="geheim")),
        client.post("/api/webhooks", json=new(receiver, name="other", url="gopher://geheim")),
        client.patch("/api/webhooks/angry", json={"secret": "geheim"}),
        client.patch("/api/webhooks/angry", json={"secret": "a new secret, geheim"}),
        client.get("/api/webhooks"),
        client.post("/api/webhooks/angry/test"),
        client.post("/api/webhooks/angry/test"),
        client.get("/api/audit"),
    ]
    assert [answer.status_code for answer in answers] == [201, 422, 422, 422, 200, 200, 200, 200, 200]
    for text in (*[answer.text for answer in answers], caplog.text):
        assert "geheim" not in text
        assert SECRET not in text


@pytest.mark.parametrize(
    "change", [{"above": None}, {"when": "lost"}, {"speed": 3}, {"lasts": "soon"}, {"url": 5}]
)
def test_a_change_that_makes_no_sense_is_refused_by_field(
    client: TestClient, receiver: Receiver, change: dict[str, Any]
) -> None:
    client.post("/api/webhooks", json=new(receiver))
    answer = client.patch("/api/webhooks/angry", json=change)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_only_an_admin_sees_or_changes_webhooks(store: Store, receiver: Receiver) -> None:
    settings = DashboardSettings(admin_token="admin-token-0123456789", viewer_token="viewer-token-0123456789")
    with TestClient(
        create_app(store, SceneFeed, Settings(dashboard=settings)), base_url="http://localhost"
    ) as client:
        client.headers["authorization"] = "Bearer viewer-token-0123456789"
        assert client.get("/api/webhooks").status_code == 403
        assert client.post("/api/webhooks", json=new(receiver)).status_code == 403
        assert client.post("/api/webhooks/angry/test").status_code == 403
        client.headers["authorization"] = "Bearer admin-token-0123456789"
        assert client.post("/api/webhooks", json=new(receiver)).status_code == 201


def test_redis_away_does_not_end_the_sender(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    away = Store(RedisSettings(url=f"unix://{tmp_path}/none.sock"), tmp_path)
    one = WebhookSender(away, Settings(), "dashboard-1")
    one.start()
    wait_for(lambda: "webhooks wait" in caplog.text, "the warning")
    one.stop()
    assert caplog.text.count("webhooks wait") == 1


def test_faces_count_by_the_brokers_clock(store: Store, receiver: Receiver) -> None:
    behind_ns = 20 * SECOND

    def wall_ns() -> int:
        return time.time_ns() - behind_ns

    store.put_camera("door", CameraSettings(source="0"))
    angry = {"when": "emotion", "emotion": "angry", "above": 0.5, "lasts": 2, "quiet": 0}
    webhooks = {"angry": WebhookSettings(url=receiver.url, **angry)}
    one = WebhookSender(store, Settings(webhooks=webhooks), "dashboard-1", wall_ns)
    one.start()
    numbers = itertools.count(1)

    def play() -> bool:
        record(store, "door", next(numbers), "angry", wall_ns())
        return bool(receiver.accepted())

    wait_for(play, "the message")
    one.stop()
