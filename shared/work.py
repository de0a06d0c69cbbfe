"""What a service's step takes and gives: jobs in, outputs out; no sockets, clocks or metrics here."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from shared.messages import Header, JobId, Message, Part, Preview
from shared.records import Entry


class Work(NamedTuple):
    """A job as a step sees it."""

    id: JobId
    message: Message
    """The inner message: Frame, Faces, Result, Gone, Seen or End."""
    previews: frozenset[Preview]
    """How the frame is to be shown to those who watch it."""
    age_ns: int
    """The frame's age when the step began: as the broker said at sending, plus the time held here."""
    crops: bool = False
    """Whether somebody wants to see what the model sees."""


class Reply(NamedTuple):
    """Close a job with the message for the next stage. The loop adds the stage's age to the header."""

    job: JobId
    header: Header
    payload: tuple[Part, ...] = ()


class Reject(NamedTuple):
    """Close a job whose data can't be used."""

    job: JobId
    reason: str


class Finish(NamedTuple):
    """Close a job that has no next stage."""

    job: JobId


class Publish(NamedTuple):
    """Send the payload to whoever is subscribed to the topic."""

    topic: str
    payload: Part


class Write(NamedTuple):
    """Store an entry, and once Redis has confirmed it, give `then`.

    Writes are applied in the order given; a failed one is tried again and holds up those behind it.
    """

    entry: Entry
    then: tuple[Finish | Publish, ...] = ()


Out = Reply | Reject | Finish | Publish | Write


class Service(Protocol):
    """A worker: pure logic between the bus and its models, tested without processes."""

    def warm_up(self) -> None:
        """Load what the first step would otherwise wait for; runs before HELLO."""

    def step(self, work: Sequence[Work], now: float) -> Iterable[Out]:
        """Work on one batch (`now` in monotonic seconds) and give what closes each job, now or later."""

    def idle(self, now: float) -> Iterable[Out]:
        """Give what became due by time alone; called at least every 50 ms."""
