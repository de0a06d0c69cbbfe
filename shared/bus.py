"""The message bus over ZeroMQ; the only module that knows sockets."""

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import zmq
import zmq.asyncio
import zmq.auth.thread
import zmq.utils.monitor

from shared.codec import MAX_MESSAGE_BYTES, decode, encode
from shared.config import BusSettings
from shared.errors import ConfigError, DecodeError
from shared.messages import Header, Hello, Message, Part, Refused, Taken, Welcome, Who

logger = logging.getLogger(__name__)

HELLO_AGAIN_SECONDS: Final = 0.5
_RECONNECT_MS: Final = 20
_RECONNECT_MAX_MS: Final = 500
_COPY_BELOW_BYTES: Final = 16 * 1024
"""Smaller parts are cheaper to copy than to share."""
_CLIENT_SMALL_PARTS: Final = 2
"""Kind and header; what follows may be large."""
_FEED_HIGH_WATER: Final = 64
# Plain numbers: arithmetic with pyzmq's enums takes as long as sending.
_NOBLOCK: Final = int(zmq.NOBLOCK)
_NOBLOCK_MORE: Final = int(zmq.NOBLOCK) | int(zmq.SNDMORE)
_POLLIN: Final = int(zmq.POLLIN)


def generate_keys() -> tuple[str, str]:
    """Return a new CURVE pair (public, secret) in Z85 text of 40 characters each."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def read_key(path: Path) -> bytes:
    """Return the Z85 key that a file holds.

    Raises:
        ConfigError: the file can't be read or holds no key.
    """
    try:
        key = path.read_text().strip().encode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read key file {path}: {error}") from None
    if len(key) != 40:
        raise ConfigError(f"{path} holds no CURVE key (40 characters); make a pair with `mien keys`")
    return key


def is_private(address: str) -> bool:
    """Say whether only this machine can reach the address."""
    return address.startswith(("ipc://", "inproc://")) or urlsplit(address).hostname in (
        "127.0.0.1",
        "::1",
        "localhost",
    )


def _socket(kind: int) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.linger = 0
    socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.set(zmq.HEARTBEAT_IVL, 1000)
    socket.set(zmq.HEARTBEAT_TIMEOUT, 3000)
    return socket


def _client_keys(settings: BusSettings) -> tuple[bytes, bytes] | None:
    """Return (the broker's public key, this process's secret key); None: no encryption."""
    if not settings.server_key_file:
        return None
    secret = read_key(settings.secret_key_file) if settings.secret_key_file else zmq.curve_keypair()[1]
    return read_key(settings.server_key_file), secret


def _connect(socket: zmq.Socket[bytes], address: str, keys: tuple[bytes, bytes] | None) -> None:
    if keys:
        socket.curve_serverkey, socket.curve_secretkey = keys
        socket.curve_publickey = zmq.curve_public(keys[1])
    socket.set(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.set(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise ConfigError(f"bus address {address!r} can't be used: {error.strerror}") from None


def _send(socket: zmq.Socket[bytes], parts: Sequence[Part]) -> None:
    *first, last = parts
    for part in first:
        socket.send(part, _NOBLOCK_MORE, copy=_is_small(part))
    socket.send(last, _NOBLOCK, copy=_is_small(last))


def _is_small(part: Part) -> bool:
    return type(part) is bytes and len(part) < _COPY_BELOW_BYTES


def _receive(socket: zmq.Socket[bytes], small_parts: int) -> list[Any]:
    """Take one multipart message; parts behind the first few stay where ZeroMQ put them if they are large."""
    parts: list[Any] = []
    more = True
    while more:
        if len(parts) < small_parts:
            parts.append(socket.recv(_NOBLOCK))
            more = bool(socket.get(zmq.RCVMORE))
        else:
            frame = socket.recv(_NOBLOCK, copy=False)
            more = frame.more
            parts.append(frame.bytes if len(frame) < _COPY_BELOW_BYTES else frame)
    return parts


def _milliseconds(seconds: float) -> int:
    """Round up: a poll that returns just before its time would be repeated until it is."""
    return max(0, math.ceil(seconds * 1000))


def _has_input(socket: zmq.Socket[bytes]) -> bool:
    """Ask first: an empty socket answers a `recv` by an exception, which costs ten times as much."""
    return bool(int(socket.get(zmq.EVENTS)) & _POLLIN)


def _buffer(part: Any) -> Part:
    buffer: Part = part.buffer if isinstance(part, zmq.Frame) else part
    return buffer


class Client:
    """A service's connection to the broker: says HELLO on every new connection, sends and receives.

    Args:
        settings: addresses and keys.
        hello: who this is. `redis_down` and the like may be changed by assigning `hello`.
        on_welcome: called at each WELCOME; a source resets its window here.
        on_invalid: called with the kind of each message that can't be decoded.
    """

    def __init__(
        self,
        settings: BusSettings,
        hello: Hello,
        on_welcome: Callable[[], None] | None = None,
        on_invalid: Callable[[str], None] | None = None,
    ) -> None:
        self.hello = hello
        self.broker_run = 0
        self._on_welcome = on_welcome or (lambda: None)
        self._on_invalid = on_invalid or (lambda kind: None)
        self._said_hello_at = 0.0
        keys = _client_keys(settings)
        self._socket = _socket(zmq.DEALER)
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.SNDHWM, max(8, 2 * hello.window))
        self._socket.set(zmq.RCVHWM, max(8, 2 * hello.window))
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        _connect(self._socket, settings.work, keys)

    @property
    def ready(self) -> bool:
        """Whether the broker has welcomed this client and the connection still stands."""
        return self.broker_run != 0

    def send(self, header: Header, *payload: Part) -> bool:
        """Send without waiting; False means that nothing was sent (no broker, not welcome yet, or full)."""
        return self.ready and self._send_raw(encode(header, *payload))

    def forget_broker(self) -> None:
        """Say HELLO again at the next `receive`; may be called from another thread."""
        self.broker_run = 0

    def say_hello(self) -> None:
        """Introduce this client again; jobs and windows start afresh with the answer."""
        self.broker_run = 0
        self._said_hello_at = time.monotonic()
        self._send_raw(encode(self.hello))

    def receive(self, timeout_seconds: float) -> Message | None:
        """Return the next message, None after the timeout; the handshake is dealt with inside.

        Refused and Taken are given to the caller.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            message = self._take() or self._wait(deadline)
            if message is not None or time.monotonic() >= deadline:
                return message

    def close(self) -> None:
        """Close the sockets at once; who must be heard waits for an answer first."""
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)

    def _wait(self, deadline: float) -> Message | None:
        if not self.ready and time.monotonic() - self._said_hello_at > HELLO_AGAIN_SECONDS:
            self.say_hello()
        left = deadline - time.monotonic()
        wait = left if self.ready else min(left, HELLO_AGAIN_SECONDS)
        events = dict(self._poller.poll(_milliseconds(wait)))
        if self._monitor in events:
            self._on_connection_event()
        return self._take()

    def _on_connection_event(self) -> None:
        event = zmq.utils.monitor.recv_monitor_message(self._monitor)
        if event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.say_hello()
        else:
            self.broker_run = 0

    def _take(self) -> Message | None:
        if not _has_input(self._socket):
            return None
        parts = [_buffer(part) for part in _receive(self._socket, _CLIENT_SMALL_PARTS)]
        try:
            message = decode(parts)
        except DecodeError as error:
            logger.warning("message from the broker refused: %s", error)
            self._on_invalid(bytes(parts[0][:20]).decode(errors="replace"))
            return None
        return self._handshake(message)

    def _handshake(self, message: Message) -> Message | None:
        header = message.header
        if isinstance(header, Welcome):
            self.broker_run = header.broker_run
            self._on_welcome()
            return None
        if isinstance(header, Who):
            self.say_hello()
            return None
        if isinstance(header, Refused | Taken):
            self.broker_run = 0
        return message

    def _send_raw(self, parts: Sequence[Part]) -> bool:
        try:
            _send(self._socket, parts)
        except zmq.Again:
            return False
        return True


class BeatSocket:
    """A second, small connection that a thread beats on; shares nothing with the `Client`."""

    def __init__(self, settings: BusSettings) -> None:
        keys = _client_keys(settings)
        self._socket = _socket(zmq.DEALER)
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.SNDHWM, 2)
        _connect(self._socket, settings.work, keys)

    def send(self, header: Header) -> bool:
        """Send without waiting; False means that nobody is there."""
        try:
            _send(self._socket, encode(header))
        except zmq.Again:
            return False
        return True

    def receive(self, timeout_seconds: float) -> Header | None:
        """Return the next answer, None after the timeout or for one that can't be decoded."""
        if not self._socket.poll(_milliseconds(timeout_seconds)):
            return None
        try:
            return decode(_receive(self._socket, _CLIENT_SMALL_PARTS)).header
        except DecodeError:
            return None

    def close(self) -> None:
        """Close at once."""
        self._socket.close(linger=0)


class FeedReader:
    """An asyncio subscriber to the broker's feeds; what a slow reader can't take is dropped by the broker."""

    def __init__(self, settings: BusSettings) -> None:
        keys = _client_keys(settings)
        self._socket: zmq.asyncio.Socket = zmq.asyncio.Context.instance().socket(zmq.SUB)
        self._socket.set(zmq.RCVHWM, 64)
        self._socket.linger = 0
        _connect(self._socket, settings.feed, keys)  # type: ignore[arg-type]

    def subscribe(self, topic: str) -> None:
        """Ask for a topic (exactly this one)."""
        self._socket.subscribe(topic.encode() + b"\0")

    def unsubscribe(self, topic: str) -> None:
        """Stop asking for a topic."""
        self._socket.unsubscribe(topic.encode() + b"\0")

    async def receive(self) -> tuple[str, bytes]:
        """Wait for the next (topic, payload)."""
        topic, payload = await self._socket.recv_multipart()
        return topic[:-1].decode(), payload

    def close(self) -> None:
        """Close at once."""
        self._socket.close(linger=0)


class BrokerSockets:
    """The broker's two bound sockets: ROUTER for work, XPUB for feeds.

    Raises:
        ConfigError: an address is taken or can't be used, or it is off loopback without keys.
    """

    def __init__(self, settings: BusSettings) -> None:
        if not settings.secret_key_file and not settings.plaintext:
            _refuse_plaintext((settings.work, settings.feed))
        guard = _Guard.load(settings) if settings.secret_key_file else None
        self._work = _socket(zmq.ROUTER)
        self._work.set(zmq.ROUTER_MANDATORY, 1)
        self._work.set(zmq.RCVHWM, 32)
        self._work.set(zmq.SNDHWM, 1024)
        self._feed = _socket(zmq.XPUB)
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
        ready = dict(self._poller.poll(_milliseconds(timeout_seconds)))
        return self._work in ready, self._feed in ready

    def receive(self) -> tuple[bytes, list[Part]] | None:
        """Return (peer identity, parts) of one work message, None when there is none.

        Large payload parts are ZeroMQ's own frames: they have a length and can be sent on without a copy.
        """
        if not _has_input(self._work):
            return None
        peer, *parts = _receive(self._work, 1 + _CLIENT_SMALL_PARTS)
        return peer, parts

    def receive_subscription(self) -> tuple[bool, str] | None:
        """Return (wanted, topic) of one change of subscriptions, None when there is none."""
        if not _has_input(self._feed):
            return None
        data = self._feed.recv(_NOBLOCK)
        return data[:1] == b"\x01", data[1:].rstrip(b"\0").decode(errors="replace")

    def send(self, peer: bytes, parts: Sequence[Part]) -> str | None:
        """Send without waiting; return None, "gone" (no such peer) or "full"."""
        try:
            _send(self._work, [peer, *parts])
        except zmq.Again:
            return "full"
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                return "gone"
            raise
        return None

    def publish(self, topic: str, payload: Part) -> None:
        """Send to all who are subscribed; for a slow one it is dropped."""
        _send(self._feed, [topic.encode() + b"\0", payload])

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
        """Say whether a client with this public key (Z85) may connect; called by the authenticator's thread."""
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
