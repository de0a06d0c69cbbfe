"""The message bus over ZeroMQ, as its clients see it; the broker's side is in shared/broker_bus.py."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import zmq
import zmq.asyncio
import zmq.utils.monitor

from shared.codec import decode, encode
from shared.config import BusSettings
from shared.errors import ConfigError, DecodeError
from shared.messages import Header, Hello, Message, Part, Refused, Taken, Welcome, Who
from shared.sockets import (
    SMALL_PARTS,
    generate_keys,
    has_input,
    make_socket,
    milliseconds,
    prepare,
    read_key,
    receive_parts,
    send_parts,
)

__all__ = ["BeatSocket", "Client", "FeedReader", "generate_keys"]

logger = logging.getLogger(__name__)

HELLO_AGAIN_SECONDS: Final = 0.5
_RECONNECT_MS: Final = 20
_RECONNECT_MAX_MS: Final = 500
_CONNECT_MS: Final = 2000
"""Longest wait for one attempt: in an outage the kernel tries again after ever longer pauses."""

_NO_LIMIT: Final = 0
"""Windows bound what the broker sends; a client whose input is full would not notice its broker's end."""


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
    socket.set(zmq.CONNECT_TIMEOUT, _CONNECT_MS)
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise ConfigError(f"bus address {address!r} can't be used: {error.strerror}") from None


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
        self._complained = False
        keys = _client_keys(settings)
        self._socket = make_socket(zmq.DEALER)
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.SNDHWM, max(8, 2 * hello.window))
        self._socket.set(zmq.RCVHWM, _NO_LIMIT)
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
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
        events = dict(self._poller.poll(milliseconds(wait)))
        if self._monitor in events:
            self._on_connection_event()
        return self._take()

    def _on_connection_event(self) -> None:
        event = zmq.utils.monitor.recv_monitor_message(self._monitor)
        if event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.say_hello()
            return
        self.broker_run = 0
        if event["event"] == zmq.EVENT_HANDSHAKE_FAILED_AUTH and not self._complained:
            self._complained = True
            logger.error(
                "the broker does not know this process's key (bus.secret_key_file): "
                "put its public key into the broker's bus.authorized_keys_file"
            )

    def _take(self) -> Message | None:
        if not has_input(self._socket):
            return None
        parts = [_buffer(part) for part in receive_parts(self._socket, SMALL_PARTS)]
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
            send_parts(self._socket, parts)
        except zmq.Again:
            return False
        return True


class BeatSocket:
    """A second, small connection that a thread beats on; shares nothing with the `Client`."""

    def __init__(self, settings: BusSettings) -> None:
        keys = _client_keys(settings)
        self._socket = make_socket(zmq.DEALER)
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.SNDHWM, 2)
        _connect(self._socket, settings.work, keys)

    def send(self, header: Header) -> bool:
        """Send without waiting; False means that nobody is there."""
        try:
            send_parts(self._socket, encode(header))
        except zmq.Again:
            return False
        return True

    def receive(self, timeout_seconds: float) -> Header | None:
        """Return the next answer, None after the timeout or for one that can't be decoded."""
        if not self._socket.poll(milliseconds(timeout_seconds)):
            return None
        try:
            return decode(receive_parts(self._socket, SMALL_PARTS)).header
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
        prepare(self._socket)
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
