"""The broker of a simulation: the real policy, given what simulated clients send, when they send it."""

from collections.abc import Sequence
from typing import Final, Protocol

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from services.planner.coefficients import Cost
from services.planner.engine import Engine, Process
from shared.codec import decode_header
from shared.events import Received, Send, Tick
from shared.messages import Ack, Beat, Done, Frame, Header, Hello, Job, Message, Output, Part

RUN: Final = 1_700_000_000_000
"""Of all sources, and of the broker."""
TICK_SECONDS: Final = 0.1
BEAT_SECONDS: Final = 1.0
SHARES: Final = {Frame: 0.25, Output: 0.25, Done: 0.25}
"""What part of a frame's cost each of its four messages takes: FRAME, two OUTPUTs and its part of a DONE."""


class Client(Protocol):
    """Who is connected."""

    hello: Hello

    def hear(self, header: Header, payload: Sequence[Part]) -> None:
        """Take a message from the broker: an ACK or a JOB."""

    @property
    def captured(self) -> int:
        """Highest sequence number captured, as beats tell it; 0 for workers."""


class SimulatedBroker:
    """Feeds the policy and delivers its actions.

    Args:
        engine: clock and cores.
        limits: as in the settings.
        cost: of a frame and a face, and nothing else.
    """

    def __init__(self, engine: Engine, limits: Limits, cost: Cost) -> None:
        self.policy = Policy(RUN, "simulated", limits)
        self._engine, self._cost = engine, cost
        self._process = Process(engine, "broker")
        self._clients: dict[bytes, Client] = {}
        engine.at(0.0, self._tick)

    def connect(self, client: Client, beats_from: float) -> None:
        """Say HELLO for a client; from then on it beats once a second."""
        self._clients[client.hello.instance.encode()] = client
        self._give(client, client.hello, ())
        self._engine.at(beats_from, lambda: self._beat(client))

    def send(self, client: Client, header: Header, payload: Sequence[Part] = (), faces: int = 0) -> None:
        """Bring a client's message to the policy, as soon as the broker gets round to it."""
        jobs = len(header.jobs) if isinstance(header, Done) else 1
        share = SHARES.get(type(header), 0.0)
        seconds = share * jobs * (self._cost.frame_ms + 2 * faces * self._cost.face_ms) / 1000
        self._process.do(seconds, lambda: self._give(client, header, payload))

    def _give(self, client: Client, header: Header, payload: Sequence[Part]) -> None:
        # The header's own bytes are of no interest: the policy passes on what is inside an envelope.
        parts = (header.kind, b"", *payload)
        event = Received(client.hello.instance.encode(), Message(header, payload), parts)
        self._carry_out(event)

    def _carry_out(self, event: Received | Tick) -> None:
        for action in self.policy.on(event, self._engine.now):
            if isinstance(action, Send) and (kind := bytes(action.parts[0])) in (Ack.kind, Job.kind):
                header = decode_header(kind, action.parts[1])
                self._clients[action.peer].hear(header, action.parts[2:])

    def _tick(self) -> None:
        self._carry_out(Tick())
        self._engine.at(self._engine.now + TICK_SECONDS, self._tick)

    def _beat(self, client: Client) -> None:
        hello = client.hello
        beat = Beat(service=hello.service, instance=hello.instance, sent_ns=0, captured=client.captured)
        self._give(client, beat, ())
        self._engine.at(self._engine.now + BEAT_SECONDS, lambda: self._beat(client))
