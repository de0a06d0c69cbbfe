"""What the bus's clients and its broker share: keys, socket options, multipart in and out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import zmq

from shared.codec import MAX_MESSAGE_BYTES
from shared.errors import ConfigError
from shared.messages import Part

_DEAD_SECONDS: Final = 3
"""A TCP connection is given up whose other end has answered nothing for so long."""
_COPY_BELOW_BYTES: Final = 16 * 1024
"""Smaller parts are cheaper to copy than to share."""
SMALL_PARTS: Final = 2
"""Kind and header; what follows may be large."""
# Plain numbers: arithmetic with pyzmq's enums takes as long as sending.
NOBLOCK: Final = int(zmq.NOBLOCK)
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


def make_socket(kind: int) -> zmq.Socket[bytes]:
    """Return a prepared socket of this process's context."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    prepare(socket)
    return socket


def prepare(socket: "zmq.Socket[Any]") -> None:
    """Make a socket bound messages, notice dead connections and never hold up the process's end.

    The kernel notices, not ZeroMQ's heartbeats: libzmq aborts a process whose heartbeat is due while a peer
    is gone whose messages filled the socket's input and are still unread (its #4364).
    """
    socket.linger = 0
    socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.set(zmq.TCP_KEEPALIVE, 1)
    socket.set(zmq.TCP_KEEPALIVE_IDLE, 1)
    socket.set(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.set(zmq.TCP_KEEPALIVE_CNT, _DEAD_SECONDS - 1)
    socket.set(zmq.TCP_MAXRT, _DEAD_SECONDS * 1000)


def send_parts(socket: zmq.Socket[bytes], parts: Sequence[Part]) -> None:
    """Send a multipart message without waiting; raises zmq.Again if there is nobody or no room."""
    *first, last = parts
    for part in first:
        socket.send(part, _NOBLOCK_MORE, copy=_is_small(part))
    socket.send(last, NOBLOCK, copy=_is_small(last))


def _is_small(part: Part) -> bool:
    return type(part) is bytes and len(part) < _COPY_BELOW_BYTES


def receive_parts(socket: zmq.Socket[bytes], small_parts: int) -> list[Any]:
    """Take one multipart message; parts behind the first few stay where ZeroMQ put them if they are large."""
    parts: list[Any] = []
    more = True
    while more:
        if len(parts) < small_parts:
            parts.append(socket.recv(NOBLOCK))
            more = bool(socket.get(zmq.RCVMORE))
        else:
            frame = socket.recv(NOBLOCK, copy=False)
            more = frame.more
            parts.append(frame.bytes if len(frame) < _COPY_BELOW_BYTES else frame)
    return parts


def milliseconds(seconds: float) -> int:
    """Round up: a poll that returns just before its time would be repeated until it is."""
    return max(0, math.ceil(seconds * 1000))


def has_input(socket: zmq.Socket[bytes]) -> bool:
    """Ask first: an empty socket answers a `recv` by an exception, which costs ten times as much."""
    return bool(int(socket.get(zmq.EVENTS)) & _POLLIN)
