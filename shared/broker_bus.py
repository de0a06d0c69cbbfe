"""The broker's two bound sockets, and who may connect to them."""

import os
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import zmq

from shared.config import BusSettings
from shared.errors import ConfigError
from shared.events import Sender
from shared.guard import Guard
from shared.messages import Beat, Hello, Part
from shared.sockets import (
    NOBLOCK,
    SMALL_PARTS,
    has_input,
    make_socket,
    milliseconds,
    receive_parts,
    send_parts,
)
from shared.topology import RECORDER_JOBS

_RECEIVE_HIGH_WATER: Final = 32
"""Messages of one peer that wait to be read: the bound for whoever floods."""
_SEND_HIGH_WATER: Final = 2 * RECORDER_JOBS
"""Messages that wait for one peer: the windows bound what is given, so full is only who reads no answers."""
_FEED_HIGH_WATER: Final = 64
_SAYS_WHO: Final = frozenset({Hello.kind, Beat.kind})
"""Kinds that name their sender; what comes later counts for whom a connection's HELLO named."""


class Arrival(NamedTuple):
    """One work message: the peer's identity, its parts and, where keys are in use, a naming message's key."""

    peer: bytes
    parts: list[Part]
    sender: Sender | None = None


class BrokerSockets:
    """The broker's two bound sockets: ROUTER for work, XPUB for feeds.

    Raises:
        ConfigError: an address is taken or can't be used, or it is off loopback without keys.
    """

    def __init__(self, settings: BusSettings) -> None:
        if not settings.secret_key_file and not settings.plaintext:
            _refuse_plaintext((settings.work, settings.feed))
        guard = Guard.load(settings) if settings.secret_key_file else None
        self._work = make_socket(zmq.ROUTER)
        self._work.set(zmq.ROUTER_MANDATORY, 1)
        self._work.set(zmq.RCVHWM, _RECEIVE_HIGH_WATER)
        self._work.set(zmq.SNDHWM, _SEND_HIGH_WATER)
        self._feed = make_socket(zmq.XPUB)
        self._feed.set(zmq.SNDHWM, _FEED_HIGH_WATER)
        self._guard = guard
        if guard:
            guard.protect(self._work, self._feed)
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
        if self._guard:
            self._guard.report_strangers()
        return self._work in ready, self._feed in ready

    def receive(self) -> Arrival | None:
        """Return one work message, None when there is none.

        Large payload parts are ZeroMQ's own frames: they have a length and can be sent on without a copy.
        """
        if not has_input(self._work):
            return None
        peer, kind = self._work.recv(NOBLOCK), self._work.recv(NOBLOCK)
        if not self._work.get(zmq.RCVMORE):
            return Arrival(peer, [kind])
        if not self._guard or kind not in _SAYS_WHO:
            return Arrival(peer, [kind, *receive_parts(self._work, SMALL_PARTS - 1)])
        header = self._work.recv(NOBLOCK, copy=False)
        rest = receive_parts(self._work, 0) if header.more else []
        return Arrival(peer, [kind, header.bytes, *rest], self._guard.sender(header))

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


def is_private(address: str) -> bool:
    """Say whether only this machine can reach the address."""
    return address.startswith(("ipc://", "inproc://")) or urlsplit(address).hostname in (
        "127.0.0.1",
        "::1",
        "localhost",
    )
