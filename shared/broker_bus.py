"""The broker's two bound sockets, and who may connect to them."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import zmq
import zmq.auth.thread

from shared.config import BusSettings
from shared.errors import ConfigError
from shared.messages import Part
from shared.sockets import (
    NOBLOCK,
    SMALL_PARTS,
    has_input,
    make_socket,
    milliseconds,
    read_key,
    receive_parts,
    send_parts,
)

logger = logging.getLogger(__name__)

_FEED_HIGH_WATER: Final = 64


class BrokerSockets:
    """The broker's two bound sockets: ROUTER for work, XPUB for feeds.

    Raises:
        ConfigError: an address is taken or can't be used, or it is off loopback without keys.
    """

    def __init__(self, settings: BusSettings) -> None:
        if not settings.secret_key_file and not settings.plaintext:
            _refuse_plaintext((settings.work, settings.feed))
        guard = _Guard.load(settings) if settings.secret_key_file else None
        self._work = make_socket(zmq.ROUTER)
        self._work.set(zmq.ROUTER_MANDATORY, 1)
        self._work.set(zmq.RCVHWM, 32)
        self._work.set(zmq.SNDHWM, 1024)
        self._feed = make_socket(zmq.XPUB)
        self._feed.set(zmq.SNDHWM, _FEED_HIGH_WATER)
        self._guard = guard
        if guard:
            guard.protect((self._work, self._feed))
        self._poller = zmq.Poller()
        for socket, address in ((self._work, settings.work), (self._feed, settings.feed)):
            try:
                _bind(socket, address)
            except ConfigError:
                self.close()
                raise
            self._poller.register(socket, zmq.POLLIN)

    def wait(self, timeout_seconds: float) -> tuple[bool, bool]:
        """Return, at the latest after the timeout, whether there is (work, a change of subscriptions)."""
        ready = dict(self._poller.poll(milliseconds(timeout_seconds)))
        return self._work in ready, self._feed in ready

    def receive(self) -> tuple[bytes, list[Part]] | None:
        """Return (peer identity, parts) of one work message, None when there is none.

        Large payload parts are ZeroMQ's own frames: they have a length and can be sent on without a copy.
        """
        if not has_input(self._work):
            return None
        peer, *parts = receive_parts(self._work, 1 + SMALL_PARTS)
        return peer, parts

    def receive_subscription(self) -> tuple[bool, str] | None:
        """Return (wanted, topic) of one change of subscriptions, None when there is none."""
        if not has_input(self._feed):
            return None
        data = self._feed.recv(NOBLOCK)
        return data[:1] == b"\x01", data[1:].rstrip(b"\0").decode(errors="replace")

    def send(self, peer: bytes, parts: Sequence[Part]) -> str | None:
        """Send without waiting; return None, "gone" (no such peer) or "full"."""
        try:
            send_parts(self._work, [peer, *parts])
        except zmq.Again:
            return "full"
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                return "gone"
            raise
        return None

    def publish(self, topic: str, payload: Part) -> None:
        """Send to all who are subscribed; for a slow one it is dropped."""
        send_parts(self._feed, [topic.encode() + b"\0", payload])

    def close(self) -> None:
        """Close both sockets."""
        self._work.close(linger=0)
        self._feed.close(linger=0)
        if self._guard:
            self._guard.close()


def _refuse_plaintext(addresses: Sequence[str]) -> None:
    for address in addresses:
        if not is_private(address):
            raise ConfigError(
                f"refusing to bind {address} without keys: make them with `mien keys` and set "
                "bus.secret_key_file, or set bus.plaintext: true on a private network"
            )


def _bind(socket: zmq.Socket[bytes], address: str) -> None:
    if address.startswith("ipc://"):
        os.makedirs(os.path.dirname(address[6:]) or ".", mode=0o700, exist_ok=True)
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        raise ConfigError(
            f"broker can't bind {address}: {error.strerror}; is another broker running?"
        ) from None


class _Guard:
    """CURVE on the broker's side: the listed public keys may connect; each refused one is reported once.

    Args:
        secret: the broker's secret key.
        allowed: Z85 public key → role.
    """

    def __init__(self, secret: bytes, allowed: dict[bytes, str]) -> None:
        self._secret, self._allowed = secret, allowed
        self._refused: set[bytes] = set()
        self._thread = zmq.auth.thread.ThreadAuthenticator(zmq.Context.instance())

    @classmethod
    def load(cls, settings: BusSettings) -> Self:
        """Read the key and the list that the settings name."""
        if not settings.authorized_keys_file:
            raise ConfigError(
                "bus.authorized_keys_file: needed beside bus.secret_key_file (lines `role public-key`)"
            )
        assert settings.secret_key_file
        return cls(read_key(settings.secret_key_file), _read_allowed(settings.authorized_keys_file))

    def protect(self, sockets: Sequence[zmq.Socket[bytes]]) -> None:
        """Ask for keys on these sockets, which are not bound yet."""
        self._thread.start()
        self._thread.configure_curve_callback(credentials_provider=self)
        for socket in sockets:
            socket.curve_server = True
            socket.curve_secretkey = self._secret

    def callback(self, domain: str, key: bytes) -> bool:
        """Say whether a client with this public key (Z85) may connect; runs in the authenticator's thread."""
        if key in self._allowed:
            return True
        if key not in self._refused:
            self._refused.add(key)
            logger.warning("refused a client with unknown key %s", key.decode())
        return False

    def close(self) -> None:
        """End the authenticator."""
        self._thread.stop()


def _read_allowed(path: Path) -> dict[bytes, str]:
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
        allowed = {key.encode(): role for role, key in lines}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected lines `role public-key`: {error}") from None
    for key in allowed:
        if len(key) != 40:
            raise ConfigError(f"{path}: {key.decode()!r} is no public key (40 characters)")
    return allowed


def is_private(address: str) -> bool:
    """Say whether only this machine can reach the address."""
    return address.startswith(("ipc://", "inproc://")) or urlsplit(address).hostname in (
        "127.0.0.1",
        "::1",
        "localhost",
    )
