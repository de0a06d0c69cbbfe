"""Messages to multipart bytes and back; whatever comes from the wire is checked here or refused."""

from collections.abc import Sequence
from typing import Any, Final

import msgpack
import msgspec

from shared.errors import DecodeError
from shared.messages import CROP_SIDE, ENVELOPES, HEADERS, Encoding, Faces, Feed, Frame, Header, Message, Part

MAX_HEADER_BYTES: Final = 64 * 1024
"""A result with 64 faces takes about 25 kB."""
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
_WITH_PAYLOAD: Final = frozenset({Frame.kind, Faces.kind, Feed.kind})


def encode(header: Header, *payload: Part) -> list[Part]:
    """Return the parts `kind, header, payload…` of one message."""
    return [header.kind, msgpack.packb(msgspec.to_builtins(header)), *payload]


def decode(parts: Sequence[Part]) -> Message:
    """Check one multipart message and return it.

    Raises:
        DecodeError: unknown kind, malformed header, field out of range, or a payload of the wrong length.
    """
    if len(parts) < 2:
        raise DecodeError(f"a message has at least a kind and a header, not {len(parts)} part(s)")
    header = decode_header(bytes(parts[0]), parts[1])
    payload = parts[2:]
    _check_payload(header, payload)
    return Message(header, payload)


def decode_header(kind: bytes, data: Part) -> Header:
    """Return the typed header of a message of this kind.

    Raises:
        DecodeError: unknown kind, malformed header or field out of range.
    """
    header_type = HEADERS.get(kind)
    if header_type is None:
        raise DecodeError(f"unknown message kind {kind[:20]!r}")
    if len(data) > MAX_HEADER_BYTES:
        raise DecodeError(f"{kind.decode()} header of {len(data)} bytes is over {MAX_HEADER_BYTES}")
    try:
        return msgspec.convert(_unpack(data), header_type)
    except Exception as error:  # msgpack raises a dozen types on hostile bytes; all mean the same here
        raise DecodeError(f"{kind.decode()} header: {error}") from error


def _unpack(data: Part) -> Any:
    return msgpack.unpackb(data)


def _check_payload(header: Header, payload: Sequence[Part]) -> None:
    count = len(payload)
    if header.kind in ENVELOPES:
        if count not in (2, 3):
            raise DecodeError(f"{header.kind.decode()} holds a message of 2 or 3 parts, not {count}")
        return
    expected = 1 if header.kind in _WITH_PAYLOAD else 0
    if count != expected:
        raise DecodeError(f"{header.kind.decode()} has {count} payload part(s), not {expected}")
    if expected and (length := _payload_length(header)) is not None and len(payload[0]) != length:
        raise DecodeError(
            f"{header.kind.decode()} payload has {len(payload[0])} bytes where its header says {length}"
        )


def _payload_length(header: Header) -> int | None:
    if isinstance(header, Frame) and header.encoding is Encoding.BGR:
        return header.width * header.height * 3
    if isinstance(header, Frame) and header.encoding is Encoding.SHARED:
        return 0
    if isinstance(header, Faces):
        return len(header.faces) * CROP_SIDE * CROP_SIDE
    return None
