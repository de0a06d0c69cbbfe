"""Login, roles, sessions, CSRF, lock-out, audit log: what must be refused is, what is done is logged."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from services.cli.connection import record
from services.dashboard.app import create_app
from services.dashboard.camera_socket import LATER
from services.dashboard.lockout import FIRST_SECONDS, FREE_FAILURES, MAX_ADDRESSES, Lockout
from services.dashboard.rates import Rates
from services.dashboard.sessions import Sessions
from shared.config import CameraSettings, DashboardSettings, Settings
from shared.errors import ConfigError
from shared.tokens import Tokens, check_exposure, how_to_log_in, read_tokens
from tests.fake_stack import FakeStore, SceneFeed

ADMIN, VIEWER = "admin-token-0123456789", "viewer-token-0123456789"
URL, SOCKET = "http://localhost:8080", "ws://localhost:8080/ws"
CAMERA = {"name": "yard", "source": "rtsp://me:secret@cam/1"}


@pytest.fixture
def store() -> FakeStore:
    return FakeStore("desk")


def settings(**dashboard: Any) -> Settings:
    given = {"admin_token": ADMIN, "viewer_token": VIEWER, **dashboard}
    return Settings(dashboard=DashboardSettings(**given))


def connect(store: FakeStore, **dashboard: Any) -> TestClient:
    app = create_app(store, SceneFeed, settings(**dashboard))  # type: ignore[arg-type]
    return TestClient(app, base_url=URL)


@pytest.fixture
def client(store: FakeStore) -> Iterator[TestClient]:
    with connect(store) as client:
        yield client


def log_in(client: TestClient, token: str) -> dict[str, str]:
    """Log in; return the headers that go with each change."""
    answer = client.post("/api/session", json={"token": token})
    assert answer.status_code == 200, answer.text
    return {"x-csrf-token": answer.json()["csrf"]}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def every_route(client: TestClient) -> list[tuple[str, str]]:
    paths = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_logged_out_there_is_nothing_but_page_and_login(client: TestClient) -> None:
    assert client.get("/").status_code == client.get("/healthz").status_code == 200
    assert client.get("/static/app.js").status_code == 200
    assert client.get("/api/session").json()["role"] is None
    routes = [*every_route(client), ("GET", "/api/openapi.json"), ("GET", "/api/nothing")]
    for method, path in routes:
        if path not in ("/api/session", "/healthz"):
            answer = client.request(method, path.replace("{name}", "desk"))
            assert answer.status_code == 401, (method, path)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKET):
        pass


def test_a_viewer_looks_and_changes_nothing(client: TestClient, store: FakeStore) -> None:
    csrf = log_in(client, VIEWER)
    assert client.get("/api/session").json()["role"] == "viewer"
    assert client.get("/api/cameras").status_code == 200
    for method, path in every_route(client):
        if method not in ("GET", "HEAD") and path not in ("/api/session", "/api/analyze"):
            answer = client.request(method, path.replace("{name}", "desk"), headers=csrf, json={})
            assert answer.status_code == 403, (method, path)
    assert client.get("/api/audit").status_code == 403
    assert set(store.cameras()) == {"desk"}
    with client.websocket_connect(SOCKET):
        pass


def test_an_admin_changes_things_and_the_log_says_so_without_secrets(client: TestClient) -> None:
    csrf = log_in(client, ADMIN)
    assert client.post("/api/cameras", json=CAMERA, headers=csrf).status_code == 201
    assert client.delete("/api/cameras/desk", headers=csrf).status_code == 204
    log = client.get("/api/audit").json()["changes"]
    assert [(row["action"], row["subject"]) for row in log[:2]] == [
        ("camera.remove", "desk"),
        ("camera.add", "yard"),
    ]
    assert log[1]["detail"] == "rtsp://cam/1"
    assert log[1]["who"].startswith("admin at testclient")


def test_programs_use_the_token_itself(client: TestClient) -> None:
    assert client.get("/api/cameras", headers=bearer(VIEWER)).status_code == 200
    assert client.post("/api/cameras", json=CAMERA, headers=bearer(VIEWER)).status_code == 403
    assert client.post("/api/cameras", json=CAMERA, headers=bearer(ADMIN)).status_code == 201
    wrong = client.get("/api/cameras", headers=bearer(VIEWER[:-1]))
    assert wrong.status_code == 401
    assert wrong.headers["content-security-policy"]


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(client: TestClient) -> None:
    cookie = client.post("/api/session", json={"token": ADMIN}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert ADMIN not in cookie
    secure = client.post("https://localhost:8080/api/session", json={"token": ADMIN}).headers["set-cookie"]
    assert "Secure" in secure


@pytest.mark.parametrize("headers", [{}, {"x-csrf-token": "wrong"}, {"x-csrf-token": ""}])
def test_a_session_changes_nothing_without_its_csrf_token(
    client: TestClient, store: FakeStore, headers: dict[str, str]
) -> None:
    log_in(client, ADMIN)
    assert client.delete("/api/cameras/desk", headers=headers).status_code == 403
    assert "desk" in store.cameras()


def test_a_csrf_token_is_good_for_its_own_session_only(client: TestClient) -> None:
    first = log_in(client, ADMIN)
    log_in(client, ADMIN)
    assert client.delete("/api/cameras/desk", headers=first).status_code == 403


def test_another_sites_page_may_neither_log_in_nor_watch(client: TestClient) -> None:
    evil = {"origin": "http://evil.example"}
    assert client.post("/api/session", json={"token": ADMIN}, headers=evil).status_code == 403
    csrf = log_in(client, ADMIN)
    assert client.delete("/api/cameras/desk", headers=csrf | evil).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKET, headers=evil):
        pass


def test_logging_out_ends_it_for_a_copied_cookie_too(client: TestClient) -> None:
    csrf = log_in(client, VIEWER)
    copied = {"cookie": f"mien_session={client.cookies['mien_session']}"}
    assert client.delete("/api/session", headers=csrf).status_code == 204
    assert client.get("/api/cameras").status_code == 401
    assert client.get("/api/cameras", headers=copied).status_code == 401
    assert client.get("/api/session", headers=copied).json()["role"] is None
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKET, headers=copied):
        pass
    log_in(client, VIEWER)
    assert client.get("/api/cameras").status_code == 200, "another login of the same token goes on"
    log = client.get("/api/audit", headers=bearer(ADMIN)).json()["changes"]
    assert [row["action"] for row in log] == ["session.open", "session.close", "session.open"]
    assert log[1]["subject"] == log[2]["subject"]


def closing(socket: WebSocketTestSession) -> tuple[int, str]:
    """Return code and reason with which the server closes a socket."""
    end = next(message for message in iter(socket.receive, None) if message["type"] == "websocket.close")
    return end["code"], end["reason"]


@pytest.mark.parametrize("away", [False, True], ids=["at once", "once Redis is back"])
def test_logging_out_at_one_dashboard_closes_what_is_open_at_another(
    client: TestClient, store: FakeStore, away: bool
) -> None:
    store.put_camera("desk", CameraSettings(source="browser"))
    csrf = log_in(client, ADMIN)
    cookie = {"cookie": f"mien_session={client.cookies['mien_session']}"}
    with (
        connect(store) as other,
        other.websocket_connect(SOCKET, headers=cookie) as watching,
        other.websocket_connect(f"{SOCKET}/camera/desk", headers=cookie) as sending,
        client.websocket_connect(SOCKET, headers=bearer(ADMIN)) as program,
    ):
        store.away = away
        assert client.delete("/api/session", headers=csrf).status_code == 204
        assert client.get("/api/session", headers=cookie).json()["role"] is None
        store.away = False
        assert closing(watching) == closing(sending) == (1008, "the login has ended")
        assert other.get("/api/cameras", headers=cookie).status_code == 401
        program.receive_text()


def test_who_sends_pictures_is_told_where_no_process_can_take_them(
    client: TestClient, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*command: str, **pipes: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("asyncio.create_subprocess_exec", refuse)
    store.put_camera("desk", CameraSettings(source="browser"))
    picture = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    with client.websocket_connect(f"{SOCKET}/camera/desk", headers=bearer(ADMIN)) as sending:
        sending.send_bytes(picture)
        code, reason = closing(sending)
    assert code == LATER
    assert reason == "its capture process can't be started: Resource temporarily unavailable"


def test_a_dashboard_that_starts_later_knows_who_has_logged_out(client: TestClient, store: FakeStore) -> None:
    csrf = log_in(client, ADMIN)
    cookie = {"cookie": f"mien_session={client.cookies['mien_session']}"}
    client.delete("/api/session", headers=csrf)
    with connect(store) as later:
        assert later.get("/api/cameras", headers=cookie).status_code == 401


def test_a_session_ends_by_itself() -> None:
    sessions = Sessions(Tokens(ADMIN, VIEWER))
    cookie, _ = sessions.open(sessions.role_of_token(VIEWER), expires_at=1000.0)  # type: ignore[arg-type]
    session = sessions.read(cookie, 999.0)
    assert session is not None
    assert session.role == "viewer"
    assert sessions.read(cookie, 1000.0) is None


def test_replicas_share_sessions_and_a_new_token_ends_them() -> None:
    ours, replica = Sessions(Tokens(ADMIN, VIEWER)), Sessions(Tokens(ADMIN, VIEWER))
    admin, _ = ours.open(ours.role_of_token(ADMIN), time.time() + 60)  # type: ignore[arg-type]
    viewer, _ = ours.open(ours.role_of_token(VIEWER), time.time() + 60)  # type: ignore[arg-type]
    assert replica.read(admin, time.time()) is not None
    changed = Sessions(Tokens("another-token-0123456789", VIEWER))
    assert changed.read(admin, time.time()) is None
    assert changed.read(viewer, time.time()) is not None


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "W10.x", "é"])
def test_a_forged_cookie_opens_nothing(cookie: str) -> None:
    assert Sessions(Tokens(ADMIN, VIEWER)).read(cookie, 0.0) is None


def test_guessing_is_stopped_and_told_when_to_come_back(client: TestClient) -> None:
    csrf = log_in(client, ADMIN)
    for number in range(FREE_FAILURES):
        ask = [
            lambda: client.post("/api/session", json={"token": "wrong"}),
            lambda: client.get("/api/cameras", headers=bearer("wrong")),
        ]
        assert ask[number % 2]().status_code == 401
    for answer in (
        client.post("/api/session", json={"token": ADMIN}),
        client.get("/api/cameras", headers=bearer(ADMIN)),
    ):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= FIRST_SECONDS
    assert client.get("/api/cameras").status_code == 200, "who is logged in stays so"
    assert client.delete("/api/cameras/desk", headers=csrf).status_code == 204


def test_a_lock_grows_ends_and_is_forgotten() -> None:
    now = 0.0
    lockout = Lockout(lambda: now)
    for _ in range(FREE_FAILURES):
        assert lockout.retry_seconds("192.0.2.1") == 0
        lockout.fail("192.0.2.1")
    assert lockout.retry_seconds("192.0.2.1") == FIRST_SECONDS
    assert lockout.retry_seconds("192.0.2.2") == 0
    now = FIRST_SECONDS
    assert lockout.retry_seconds("192.0.2.1") == 0
    lockout.fail("192.0.2.1")
    assert lockout.retry_seconds("192.0.2.1") == 2 * FIRST_SECONDS
    now = 10_000.0
    lockout.fail("192.0.2.1")
    assert lockout.retry_seconds("192.0.2.1") == 0


def test_one_partys_ipv6_addresses_count_together_and_memory_is_bounded() -> None:
    lockout = Lockout(lambda: 0.0)
    for number in range(FREE_FAILURES):
        lockout.fail(f"2001:db8::{number:x}")
    assert lockout.retry_seconds("2001:db8::ffff") > 0
    assert lockout.retry_seconds("2001:db8:0:1::1") == 0
    for number in range(MAX_ADDRESSES + 10):
        lockout.fail(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(lockout._failures) == MAX_ADDRESSES


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"admin_token": "short"}, "dashboard.admin_token: needs at least 16"),
        ({"viewer_token": VIEWER}, "needs dashboard.admin_token"),
        ({"admin_token": ADMIN, "viewer_token": ADMIN}, "must differ"),
        ({"admin_token_file": "/nowhere/token"}, "dashboard.admin_token_file: can't read"),
    ],
)
def test_tokens_that_protect_nothing_are_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refused:
        read_tokens(DashboardSettings(**given))
    assert ADMIN not in str(refused.value)


def test_off_the_machine_nothing_is_served_without_a_login_unless_meant() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_exposure(DashboardSettings(host=host), Tokens())
    for host in ("0.0.0.0", "::", "192.0.2.7"):
        with pytest.raises(ConfigError, match=r"dashboard\.admin_token.*dashboard\.open"):
            check_exposure(DashboardSettings(host=host), Tokens())
        check_exposure(DashboardSettings(host=host), Tokens(ADMIN))
        check_exposure(DashboardSettings(host=host, open=True), Tokens())


def test_tokens_do_not_show() -> None:
    given = settings()
    assert "token-" not in repr(given) + repr(read_tokens(given.dashboard))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "no login: only this machine reaches it"),
        ({"host": "0.0.0.0", "open": True}, "no login: whoever reaches it may change things"),
        ({"admin_token": ADMIN}, "log in with the token in dashboard.admin_token"),
    ],
)
def test_mien_up_says_how_to_get_in(given: dict[str, Any], told: str) -> None:
    assert how_to_log_in(DashboardSettings(**given)) == told


def test_mien_up_names_the_tokens_files_not_the_tokens(tmp_path: Path) -> None:
    (tmp_path / "admin").write_text(f"{ADMIN}\n")
    told = how_to_log_in(DashboardSettings(admin_token_file=tmp_path / "admin", viewer_token=VIEWER))  # type: ignore[arg-type]
    assert told == f"log in with the token in {tmp_path}/admin (admin) or dashboard.viewer_token"


def test_an_address_that_asks_too_often_is_told_to_wait(store: FakeStore) -> None:
    with connect(store, rate=1.0) as client:
        answers = [client.get("/api/cameras", headers=bearer(VIEWER)) for _ in range(10)]
        assert [answer.status_code for answer in answers[:4]] == [200] * 4
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert client.get("/").status_code == 200


def test_rates_allow_a_burst_then_the_rate_and_remember_few_addresses() -> None:
    now = 100.0
    rates = Rates(per_second=10.0, clock=lambda: now)
    assert [rates.take("192.0.2.1") for _ in range(40)] == [0.0] * 40
    assert rates.take("192.0.2.1") == pytest.approx(0.1)
    assert rates.take("192.0.2.2") == 0
    now += 0.1
    assert rates.take("192.0.2.1") == 0
    assert rates.take("192.0.2.1") > 0
    for number in range(MAX_ADDRESSES + 10):
        rates.take(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(rates._full_at) == MAX_ADDRESSES


def test_answers_about_people_are_not_kept_and_the_camera_is_for_our_own_page(client: TestClient) -> None:
    answer = client.get("/api/status", headers=bearer(VIEWER))
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert "camera=(self)" in answer.headers["permissions-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/swagger/..%2f__init__.py",
        "/static//etc/passwd",
        "/static/..%5capp.py",
        "/docs/..%2f..%2fapp.py",
    ],
)
def test_no_path_leads_out_of_the_pages_folder(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (401, 404)
    assert "import" not in answer.text
    assert "root:" not in answer.text


def test_the_command_line_is_in_the_log_too_without_secrets(store: FakeStore) -> None:
    record(store, "camera.add", "yard", CAMERA["source"])  # type: ignore[arg-type]
    (row,) = store.audit
    assert (row["action"], row["subject"], row["detail"]) == ("camera.add", "yard", "rtsp://cam/1")
    assert row["who"].endswith(", command line")


def test_a_login_that_ends_closes_what_it_watched(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(client, VIEWER)
    late = SimpleNamespace(time=lambda: time.time() + 12 * 3600, monotonic=time.monotonic)
    monkeypatch.setattr("services.dashboard.logins.time", late)
    with client.websocket_connect(SOCKET) as socket:
        assert closing(socket) == (1008, "the login has ended")
