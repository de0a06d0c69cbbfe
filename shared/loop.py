"""The run loop that every worker shares: receive, step, answer, store; it alone knows clocks and metrics."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from msgspec import structs

from shared import metrics, topology
from shared.beats import Beats
from shared.codec import decode, encode
from shared.company import Company
from shared.errors import DecodeError, MienError, StoreError
from shared.messages import (
    Done,
    Drain,
    Drained,
    End,
    Feed,
    FrameHeader,
    Gone,
    Header,
    Hello,
    Invalid,
    Job,
    JobId,
    Message,
    Output,
    Part,
    Refused,
    Seen,
)
from shared.records import Applied, Entry
from shared.store import PAGE
from shared.work import Finish, Out, Publish, Reject, Reply, Service, Work, Write

logger = logging.getLogger(__name__)

IDLE_SECONDS: Final = 0.05
DRAIN_SECONDS: Final = 4.0
STORE_RETRY_SECONDS: Final = 0.2
MAX_DONE: Final = 1024
"""Jobs in one DONE, as its declaration says."""


class Connection(Protocol):
    """What a loop needs of a client of the bus (see `shared.bus.Client`)."""

    hello: Hello

    @property
    def ready(self) -> bool:
        """Whether the broker has welcomed it."""

    def send(self, header: Header, *payload: Part) -> bool:
        """Send without waiting; False: nothing was sent."""

    def receive(self, timeout_seconds: float) -> Message | None:
        """Return the next message, None after the timeout."""


class Writer(Protocol):
    """Where writes go."""

    def apply(self, writes: Sequence[Entry]) -> Sequence[Applied]:
        """Apply all, in order; raise StoreError if any of them is not confirmed. Repeating is harmless."""


class _Rates:
    """Jobs, steps and busy seconds of the loop, and their rates over the last second or so."""

    def __init__(self, service: str) -> None:
        self._jobs = self._steps = self._busy = 0.0
        self._last = (time.monotonic(), 0.0, 0.0, 0.0)
        self._jobs_metric = metrics.JOBS.labels(service=service)
        self._busy_metric = metrics.BUSY.labels(service=service)
        names = ("jobs_per_second", "busy", "seconds_per_job", "batch_size")
        self.facts: dict[str, Any] = dict.fromkeys(names, 0.0)

    def count(self, jobs: int, seconds: float) -> None:
        self._jobs += jobs
        self._steps += 1
        self._busy += seconds
        self._jobs_metric.inc(jobs)
        self._busy_metric.inc(seconds)
        metrics.BATCH_SIZE.observe(jobs)

    def refresh(self) -> None:
        last, self._last = self._last, (time.monotonic(), self._jobs, self._steps, self._busy)
        passed, done, steps, used = (now - before for now, before in zip(self._last, last, strict=True))
        span = max(passed, 1e-6)
        self.facts = {
            "jobs_per_second": round(done / span, 2),
            "busy": round(min(used / span, 1.0), 3),
            "seconds_per_job": round(used / done, 6) if done else 0.0,
            "batch_size": round(done / steps, 2) if steps else 0.0,
        }


class Loop:
    """Runs one service until it is told to stop.

    Args:
        kind: the service's row in the topology.
        service: the logic.
        client: connection to the broker.
        beats: the beat thread, told when a step runs.
        batch_size: jobs in a step at most.
        batch_wait_seconds: how long to sleep for a fuller batch where one is likely.
        writer: where writes go.
        observe: called with each confirmed write and what it changed.

    Attributes:
        on_turn: called after each turn.
    """

    def __init__(
        self,
        kind: topology.Service,
        service: Service,
        client: Connection,
        beats: Beats,
        batch_size: int,
        batch_wait_seconds: float,
        writer: Writer,
        observe: Callable[[Entry, Applied], None],
    ) -> None:
        self.redis_down = False
        self.on_turn: Callable[[], None] = lambda: None
        self.rates = _Rates(kind.name)
        self._kind, self._service, self._client, self._beats = kind, service, client, beats
        self._batch_size, self._company = batch_size, Company(batch_wait_seconds)
        self._writer, self._observe = writer, observe
        self._backlog: list[Write] = []
        self._retry_at = 0.0
        self._finished: list[JobId] = []
        self._worked = 0.0
        """Seconds spent on steps and writing since the last DONE."""
        self._unsent: deque[tuple[Header, tuple[Part, ...]]] = deque()
        """Answers that found no welcome or no room; a job whose answer got lost would stay open for good."""
        self._ages: dict[JobId, tuple[float, int]] = {}
        self._unwatched: set[str] = set()
        self._stop_asked = threading.Event()
        self._drain_until = 0.0
        self._drained = False

    def stop(self) -> None:
        """Ask the loop to drain and end (from a signal handler or another thread)."""
        self._stop_asked.set()

    def run(self) -> None:
        """Work until stopped; returns when what was held is finished, or after 4 s."""
        while not self._is_over():
            self.turn()

    def turn(self) -> None:
        """Take one batch, if there is any within 50 ms; step, answer, and store what is due."""
        batch = self._gather()
        if batch:
            self._step(batch)
        self._emit(self._service.idle(time.monotonic()))
        self._flush()
        self.on_turn()

    def _is_over(self) -> bool:
        if not self._stop_asked.is_set():
            return False
        now = time.monotonic()
        if not self._drain_until:
            self._drain_until = now + DRAIN_SECONDS
            if not self._client.send(Drain()):
                return True
        return self._drained or now >= self._drain_until

    def _gather(self) -> list[Work]:
        """Take the first job and what came with it; where more is likely, sleep and take what came then.

        Sleeping, not polling: waking up for each message costs as much as dealing with it.
        """
        batch = self._accept(self._client.receive(IDLE_SECONDS))
        if not batch:
            return batch
        self._fill(batch)
        if len(batch) < self._batch_size and (sleep := self._company.sleep_seconds(time.monotonic())):
            time.sleep(sleep)
            self._fill(batch)
        self._company.gathered(time.monotonic())
        return batch

    def _fill(self, batch: list[Work]) -> None:
        while len(batch) < self._batch_size and (message := self._client.receive(0)) is not None:
            batch += self._accept(message)

    def _accept(self, message: Message | None) -> list[Work]:
        if message is None:
            return []
        header = message.header
        if isinstance(header, Job):
            return self._open(header, message)
        if isinstance(header, Drained):
            self._drained = True
        elif isinstance(header, Refused):
            raise MienError(f"the broker refused {self._client.hello.instance}: {header.reason}")
        return []

    def _open(self, job: Job, message: Message) -> list[Work]:
        try:
            inner = decode(message.payload)
        except DecodeError as error:
            metrics.INVALID.labels(service=self._kind.name, kind="inner").inc()
            self._say(Invalid(job=job.job, reason=str(error)[:500]))
            return []
        if not _agrees(job, inner.header):
            self._say(Invalid(job=job.job, reason="the message is not about the job's frame"))
            return []
        self._ages[job.job] = (time.monotonic(), job.age_ns)
        topic = topology.result_topic(job.camera)
        (self._unwatched.discard if job.watched else self._unwatched.add)(topic)
        return [Work(job.job, inner, job.previews, job.age_ns, job.crops)]

    def _step(self, batch: list[Work]) -> None:
        started = time.monotonic()
        self._beats.step_started = started
        self._emit(self._progressing(self._service.step(batch, started)))
        self._beats.step_started = 0.0
        seconds = time.monotonic() - started
        self._worked += seconds
        self.rates.count(len(batch), seconds)

    def _progressing(self, outs: Iterable[Out]) -> Iterable[Out]:
        """Give a step's answers; with each of them the rest has as long as a step has."""
        for out in outs:
            yield out
            self._beats.step_started = time.monotonic()

    def _emit(self, outs: Iterable[Out]) -> None:
        for out in outs:
            if isinstance(out, Write):
                self._backlog.append(out)
            else:
                self._answer(out)
        self._send_finished()

    def _answer(self, out: Reply | Reject | Finish | Publish) -> None:
        if isinstance(out, Publish):
            if out.topic not in self._unwatched:
                self._client.send(Feed(topic=out.topic), out.payload)
            return
        received, age_ns = self._ages.pop(out.job, (time.monotonic(), 0))
        if isinstance(out, Finish):
            self._finished.append(out.job)
        elif isinstance(out, Reject):
            self._say(Invalid(job=out.job, reason=out.reason[:500]))
        else:
            held_ns = int((time.monotonic() - received) * 1e9)
            header = self._with_ages(out.header, age_ns, age_ns + held_ns)
            self._say(Output(job=out.job), *encode(header, *out.payload))

    def _with_ages(self, header: object, began_ns: int, ended_ns: int) -> FrameHeader:
        assert isinstance(header, FrameHeader)
        queued, worked = topology.stages(self._kind)
        return structs.replace(header, ages={**header.ages, queued: began_ns, worked: ended_ns})

    def _send_finished(self) -> None:
        finished, self._finished = self._finished, []
        for start in range(0, len(finished), MAX_DONE):
            jobs = tuple(finished[start : start + MAX_DONE])
            self._say(Done(jobs=jobs, busy_ns=int(self._worked * 1e9)))
            self._worked = 0.0
        self._send_unsent()

    def _say(self, header: Header, *payload: Part) -> None:
        """Answer the broker, in order; what can't be sent now is sent later."""
        self._unsent.append((header, payload))
        self._send_unsent()

    def _send_unsent(self) -> None:
        while self._unsent and self._client.send(self._unsent[0][0], *self._unsent[0][1]):
            self._unsent.popleft()

    def _flush(self) -> None:
        """Apply what is to be written; while Redis is away, try again now and then, and answer nothing.

        A page at a time: to apply again what was confirmed would count and publish nothing of it.
        """
        while self._backlog and time.monotonic() >= self._retry_at:
            page, started = self._backlog[:PAGE], time.monotonic()
            try:
                answers = self._writer.apply([write.entry for write in page])
            except StoreError as error:
                if not self.redis_down:
                    logger.warning("%s", error)
                self.redis_down = True
                self._retry_at = time.monotonic() + STORE_RETRY_SECONDS
                return
            self.redis_down = False
            self._worked += time.monotonic() - started
            del self._backlog[:PAGE]
            self._confirm(page, answers)

    def _confirm(self, confirmed: Sequence[Write], answers: Sequence[Applied]) -> None:
        outs: list[Out] = []
        for write, applied in zip(confirmed, answers, strict=True):
            self._observe(write.entry, applied)
            repeated = write.entry.result is not None and not applied.recorded
            outs += [out for out in write.then if not (repeated and isinstance(out, Publish))]
        self._emit(outs)


def _agrees(job: Job, header: Header) -> bool:
    """Say whether a worker's message is about the frame that the broker gave it."""
    if isinstance(header, FrameHeader):
        return (header.camera, header.run, header.sequence) == (job.camera, job.run, job.sequence)
    return isinstance(header, Gone | Seen | End) and (header.camera, header.run) == (job.camera, job.run)
