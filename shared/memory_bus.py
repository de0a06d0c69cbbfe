"""The bus without sockets: a broker's policy and its clients in one process, for tests."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Protocol

from shared.codec import decode, encode
from shared.events import Action, Announce, Event, Received, Send, Tick
from shared.messages import Header, Hello, Message, Part, Welcome, Who


class BrokerPolicy(Protocol):
    """A broker's policy."""

    def on(self, event: Event, now: float) -> list[Action]:
        """Take one event at monotonic time `now` and return what is to be done."""


class MemoryBus:
    """Carries messages between a policy and its clients, at once and in order.

    Args:
        policy: the broker.
        clock: monotonic seconds; tests may give their own.
    """

    def __init__(self, policy: BrokerPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self.published: list[Announce] = []
        self._policy, self._clock = policy, clock
        self._inboxes: dict[bytes, deque[list[Part]]] = defaultdict(deque)

    def client(self, hello: Hello) -> "MemoryClient":
        """Connect a client and let it say HELLO."""
        return MemoryClient(self, hello)

    def tick(self) -> None:
        """Let the policy see the time."""
        self._apply(Tick())

    def deliver(self, identity: bytes, parts: list[Part]) -> None:
        """Give one message to the policy."""
        wire = [bytes(part) for part in parts]
        self._apply(Received(identity, decode(wire), wire, time.time_ns()))

    def take(self, identity: bytes) -> list[Part] | None:
        """Return the next message for a client, None when there is none."""
        inbox = self._inboxes[identity]
        return inbox.popleft() if inbox else None

    def _apply(self, event: Event) -> None:
        for action in self._policy.on(event, self._clock()):
            if isinstance(action, Send):
                self._inboxes[action.peer].append(action.parts)
            else:
                self.published.append(action)


class MemoryClient:
    """A client on a `MemoryBus`, with the interface of `shared.bus.Client`."""

    def __init__(self, bus: MemoryBus, hello: Hello) -> None:
        self.hello = hello
        self.ready = False
        self._bus = bus
        self._identity = f"{hello.service}/{hello.instance}".encode()
        self._say_hello()

    def send(self, header: Header, *payload: Part) -> bool:
        """Deliver at once."""
        self._bus.deliver(self._identity, encode(header, *payload))
        return True

    def receive(self, timeout_seconds: float) -> Message | None:
        """Return what is there; nothing is waited for."""
        parts = self._bus.take(self._identity)
        if parts is None:
            return None
        message = decode(parts)
        if isinstance(message.header, Welcome):
            self.ready = True
            return self.receive(timeout_seconds)
        if isinstance(message.header, Who):
            self._say_hello()
            return self.receive(timeout_seconds)
        return message

    def _say_hello(self) -> None:
        self._bus.deliver(self._identity, encode(self.hello))
