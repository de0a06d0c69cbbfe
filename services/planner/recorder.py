"""The recorder of a simulation: the real order of frames, and a ledger that counts each fate once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.planner.batches import Batches, Held
from services.planner.broker import RUN, SimulatedBroker
from services.planner.clients import Shots, Spread, hello
from services.planner.coefficients import Costs
from services.planner.engine import Engine, Process
from services.recorder.ordering import Order, Patience, Step
from shared.codec import decode_header
from shared.messages import Done, Header, Job, JobId, Message, Outcome, Part, Result
from shared.records import HOLE, Cursor
from shared.topology import RECORDER
from shared.work import Work

TURN_SECONDS: Final = 0.05


@dataclass
class Account:
    """What became of one camera's frames, as the ledger in Redis has it.

    Attributes:
        fates: outcome → frames.
        sequence: up to here all is counted, or a hole.
        holes: skipped frames whose fate is not known yet.
    """

    fates: Counter[str] = field(default_factory=Counter)
    sequence: int = 0
    holes: set[int] = field(default_factory=set)

    def count(self, first: int, last: int, outcome: str) -> None:
        """Count what is new of these frames; what was counted before keeps its fate."""
        for number in range(first, last + 1):
            if number <= self.sequence and number not in self.holes:
                continue
            if outcome == HOLE:
                self.holes.add(number)
            else:
                self.holes.discard(number)
                self.fates[outcome] += 1
        self.sequence = max(self.sequence, last)


class Ledger:
    """All cameras' accounts, and the latency of what was recorded."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.recorded: list[tuple[float, float]] = []
        """Of each recorded frame: when, and how old it was then, in seconds."""

    def account(self, camera: str) -> Account:
        """Return a camera's account, opened at first sight."""
        return self.accounts.setdefault(camera, Account())

    @property
    def counted(self) -> int:
        """Frames whose fate is known."""
        return sum(account.fates.total() for account in self.accounts.values())


class SimulatedRecorder:
    """Puts frames in order with the real `Order`, and lets Redis take its time.

    Args:
        engine, broker, shots, spread: of the simulation.
        number: of this recorder.
        costs: of recorder and Redis.
        redis: Redis's process.
        ledger: where frames end.
        patience: as in the settings.
        wait_seconds: how long it sleeps for more to write together.
    """

    captured = 0

    def __init__(
        self,
        engine: Engine,
        broker: SimulatedBroker,
        shots: Shots,
        spread: Spread,
        number: int,
        costs: Costs,
        redis: Process,
        ledger: Ledger,
        patience: Patience,
        wait_seconds: float,
    ) -> None:
        self.hello = hello("recorder", f"recorder-{number}", RECORDER.window)
        self._engine, self._broker, self._shots, self._spread = engine, broker, shots, spread
        self._costs, self._redis, self._ledger, self._patience = costs, redis, ledger, patience
        self._process = Process(engine, "recorder")
        self._orders: dict[str, Order] = {}
        self._steps = Batches(engine, RECORDER.window, wait_seconds, self._begin)
        broker.connect(self, beats_from=0.5 + number * 0.01)
        engine.at(TURN_SECONDS, self._turn)

    def hear(self, header: Header, payload: Sequence[Part]) -> None:
        """Take a result or a notice."""
        assert isinstance(header, Job)
        self._steps.add((header, payload))

    def _begin(self, held: list[Held]) -> None:
        results = [job for job, inner in held if bytes(inner[0]) == Result.kind]
        faces = sum(self._shots.faces(job.camera, job.sequence) for job in results)
        seconds = self._spread.seconds(self._costs.recorder, len(results), faces)

        def write() -> None:
            self._write(held, self._costs.redis.frame_ms * len(results) + self._costs.redis.face_ms * faces)

        self._process.do(seconds, write)

    def _write(self, held: list[Held], redis_ms: float) -> None:
        for job, inner in held:
            order = self._orders.get(job.camera)
            if order is None:
                order = self._orders[job.camera] = Order(Cursor(), self._patience, self._engine.now)
            order.add(_work(job, inner), self._engine.now)
        self._redis.do(redis_ms / 1000, self._confirm_and_go_on)

    def _confirm_and_go_on(self) -> None:
        self._confirm()
        self._steps.end()

    def _turn(self) -> None:
        """Let time pass for the frames that are waited for."""
        for order in self._orders.values():
            order.advance(self._engine.now)
        self._confirm()
        self._engine.at(self._engine.now + TURN_SECONDS, self._turn)

    def _confirm(self) -> None:
        """Write down what is next in order, and tell the broker which jobs that closes."""
        closed: list[JobId] = []
        for camera, order in self._orders.items():
            for step in order.take():
                self._record(camera, step)
                closed += step.jobs
        if closed:
            self._broker.send(self, Done(jobs=tuple(closed)))

    def _record(self, camera: str, step: Step) -> None:
        account = self._ledger.account(camera)
        for span in step.spans:
            account.count(span.first, span.last, span.outcome)
        if step.work is not None:
            sequence = step.work.message.header.sequence  # type: ignore[attr-defined]
            account.count(sequence, sequence, Outcome.RECORDED)
            due, _ = self._shots.close(camera, sequence)
            self._ledger.recorded.append((self._engine.now, self._engine.now - due))


def _work(job: Job, inner: Sequence[Part]) -> Work:
    kind = bytes(inner[0])
    if kind != Result.kind:
        header = decode_header(kind, inner[1])
    else:
        header = Result(
            camera=job.camera,
            run=RUN,
            sequence=job.sequence,
            live=True,
            captured_ns=0,
            width=640,
            height=480,
            ages={},
            detector="",
        )
    return Work(job.job, Message(header), frozenset(), job.age_ns)
