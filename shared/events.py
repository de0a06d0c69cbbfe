"""What happens to a broker and what it does about it, between its policy and whatever carries messages."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.messages import Message, Part


class Sender(NamedTuple):
    """Whose key a connection has, and the services that its owner may be."""

    key: str
    roles: frozenset[str]


class Received(NamedTuple):
    """A decoded message from a peer, its parts as they came, and the broker's wall clock at arrival.

    `sender` is known of HELLO and BEAT only, and only where keys are in use.
    """

    peer: bytes
    message: Message
    parts: Sequence[Part]
    wall_ns: int = 0
    sender: Sender | None = None


class Vanished(NamedTuple):
    """A send to this peer found nobody, or a full pipe for so long that it counts as gone."""

    peer: bytes


class Subscribed(NamedTuple):
    """Somebody began (or the last one ceased) to want a feed's topic."""

    wanted: bool
    topic: str


class Tick(NamedTuple):
    """Time has passed; sent only after the sockets were drained."""


Event = Received | Vanished | Subscribed | Tick


class Send(NamedTuple):
    """Send these parts to a peer."""

    peer: bytes
    parts: list[Part]


class Announce(NamedTuple):
    """Publish a payload to a topic's subscribers."""

    topic: str
    payload: Part


Action = Send | Announce
