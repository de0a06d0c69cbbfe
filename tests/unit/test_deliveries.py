"""Where webhook messages may go, and how they are signed."""

import hashlib
import hmac
import ipaddress
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from services.dashboard import deliveries
from services.dashboard.deliveries import Outcome, TargetError, deliver, find_addresses, may_go_to, sign
from shared.config import WebhookSettings

HOME = [
    "127.0.0.1",
    "::1",
    "10.0.0.9",
    "192.168.1.4",
    "172.16.0.1",
    "fd12::1",
    "::ffff:192.168.1.4",
    "100.64.0.1",
]
NEVER = [
    "169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254",
    "fd00:ec2::254", "255.255.255.255", "100.100.100.200",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "2606:2800:220:1::1"]


@pytest.mark.parametrize(
    ("addresses", "at_home", "in_public"),
    [(HOME, True, False), (NEVER, False, False), (PUBLIC, True, True)],
)
def test_where_webhooks_may_go(addresses: list[str], at_home: bool, in_public: bool) -> None:
    found = [ipaddress.ip_address(address) for address in addresses]
    assert [may_go_to(address, "private") for address in found] == [at_home] * len(found)
    assert [may_go_to(address, "public") for address in found] == [in_public] * len(found)


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.254.43518", "0"])
def test_an_address_in_disguise_is_known(host: str) -> None:
    with pytest.raises(TargetError, match=r"webhooks may not go to"):
        find_addresses(host, 80, "private")


def test_a_name_with_one_address_out_of_bounds_goes_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in ("169.254.169.254", "10.0.0.9")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert find_addresses("hub.home", 80, "private") == ["10.0.0.9"]
    with pytest.raises(TargetError):
        find_addresses("hub.home", 80, "public")


def test_the_signature_is_the_documented_one() -> None:
    body, secret = b'{"event":"test"}', "0123456789abcdef"
    expected = hmac.new(secret.encode(), b"1800000000." + body, hashlib.sha256).hexdigest()
    assert sign(secret, 1_800_000_000, body) == f"t=1800000000,v1={expected}"


def test_a_target_out_of_bounds_is_said_and_tried_again_later() -> None:
    settings = WebhookSettings(url="http://169.254.169.254/latest?token=geheim", when="lost")
    attempt = deliver(settings, b"{}", {}, 0, "private")
    assert attempt.outcome is Outcome.RETRY
    assert "169.254.169.254" in attempt.result
    assert "geheim" not in attempt.result


class Taker(BaseHTTPRequestHandler):
    """Takes what is sent, and notes as whom."""

    logins: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.logins.append(self.headers["Authorization"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def logins() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what is sent there as `Authorization`."""
    seen: list[str] = []

    class Handler(Taker):
        logins = seen

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}", seen
        server.shutdown()


def test_a_login_may_hold_any_letters(logins: tuple[str, list[str]]) -> None:
    address, seen = logins
    settings = WebhookSettings(url=f"http://u:%D0%BF%D0%B0%D1%80@{address}/", when="lost")
    assert deliver(settings, b"{}", {}, 0, "private").outcome is Outcome.DELIVERED
    assert b64decode(seen[0].removeprefix("Basic ")).decode() == "u:пар"


@pytest.fixture
def swallows() -> Iterator[socket.socket]:
    """An address of this machine at a free port that answers no connection: its queue is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener


@pytest.mark.parametrize("dead", ["127.0.0.2", "127.0.0.3"])
def test_an_address_that_swallows_or_refuses_leads_to_the_next(
    swallows: socket.socket, monkeypatch: pytest.MonkeyPatch, dead: str
) -> None:
    """127.0.0.2 swallows, and at 127.0.0.3 nobody listens."""
    monkeypatch.setattr(deliveries, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(deliveries, "find_addresses", lambda *_: [dead, "127.0.0.1"])
    port = swallows.getsockname()[1]
    with HTTPServer(("127.0.0.1", port), Taker) as server:
        threading.Thread(target=server.serve_forever).start()
        settings = WebhookSettings(url=f"http://hub.home:{port}/", when="lost")
        attempt = deliver(settings, b"{}", {}, 0, "private")
        server.shutdown()
    assert attempt.outcome is Outcome.DELIVERED


def test_a_host_without_an_address_that_answers_is_tried_later(
    swallows: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(deliveries, "find_addresses", lambda *_: ["127.0.0.3", "127.0.0.2"])
    settings = WebhookSettings(url=f"http://hub.home:{swallows.getsockname()[1]}/", when="lost")
    attempt = deliver(settings, b"{}", {}, 0, "private")
    assert attempt == (Outcome.RETRY, "no answer: ConnectTimeoutError")
