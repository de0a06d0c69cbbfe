"""Simulated cameras, detectors and classifiers: what they send the broker, and what that costs them."""

from collections.abc import Callable, Sequence
from itertools import cycle
from random import Random
from typing import Final

from services.capture.window import Window
from services.planner.batches import Batches, Held
from services.planner.broker import RUN, SimulatedBroker
from services.planner.coefficients import Cost
from services.planner.engine import Engine, Process
from services.planner.formulas import CROP_BYTES, result_bytes
from shared.messages import (
    SCHEMA,
    Ack,
    Encoding,
    End,
    Faces,
    Frame,
    Header,
    Hello,
    Job,
    Output,
    Part,
    Result,
)

FACTORS: Final = 4096


class Spread:
    """Factors by which the times of jobs differ: log-normal, mean 1, the same for the same seed."""

    def __init__(self, random: Random, sigma: float) -> None:
        self._factors = cycle(
            [random.lognormvariate(-sigma * sigma / 2, sigma) for _ in range(FACTORS if sigma else 1)]
        )

    def seconds(self, cost: Cost, frames: int, faces: int) -> float:
        """Return how long a job with so many frames and faces takes this time."""
        return next(self._factors) * (frames * cost.frame_ms + faces * cost.face_ms) / 1000


def hello(service: str, instance: str, window: int, camera: str | None = None) -> Hello:
    """Return how a simulated client introduces itself."""
    run = RUN if camera else None
    return Hello(
        service=service,
        instance=instance,
        schema=SCHEMA,
        window=window,
        host="simulated",
        pid=1,
        camera=camera,
        run=run,
    )


class Shots:
    """All frames on their way: when each was due, and how many faces are on it."""

    def __init__(self, random: Random, faces: float) -> None:
        self._random, self._faces = random, faces
        self._open: dict[tuple[str, int], tuple[float, int]] = {}

    def take(self, camera: str, sequence: int, due: float) -> None:
        """Note a frame that is sent."""
        whole = int(self._faces)
        more = self._random.random() < self._faces - whole
        self._open[camera, sequence] = (due, whole + more)

    def faces(self, camera: str, sequence: int) -> int:
        """Return how many faces are on a frame."""
        return self._open[camera, sequence][1]

    def close(self, camera: str, sequence: int) -> tuple[float, int]:
        """Return when a frame was due and its faces, and forget it."""
        return self._open.pop((camera, sequence), (0.0, 0))


class Source:
    """One live camera, with capture's own window.

    Args:
        engine, broker, shots: of the simulation.
        camera: its name.
        fps: frames a second.
        phase: when its first frame is due.
        window: frames it may have unacknowledged.
        sent_seconds, skipped_seconds: processor time of a frame that is sent, and of one that is only read.
    """

    def __init__(
        self,
        engine: Engine,
        broker: SimulatedBroker,
        shots: Shots,
        camera: str,
        fps: float,
        phase: float,
        window: int,
        sent_seconds: float,
        skipped_seconds: float,
    ) -> None:
        self.hello = hello("capture", f"capture.{camera}", window, camera)
        self._engine, self._broker, self._shots, self._camera = engine, broker, shots, camera
        self._interval, self._phase = 1 / fps, phase
        self._sent_seconds, self._skipped_seconds = sent_seconds, min(sent_seconds, skipped_seconds)
        self._window: Window[float] = Window(window, live=True)
        self._process = Process(engine, "capture")
        self._stopped = False
        broker.connect(self, beats_from=phase)
        engine.at(phase, self._grab)

    @property
    def captured(self) -> int:
        """Frames captured so far."""
        return self._window.captured

    def stop(self) -> None:
        """Capture no more; say END once the last frame is dealt with."""
        self._stopped = True

    def hear(self, header: Header, payload: Sequence[Part]) -> None:
        """Open the window by what the broker acknowledges."""
        if isinstance(header, Ack):
            self._window.acknowledge(header.sequences)
            self._send()

    def _grab(self) -> None:
        """Read the next frame ahead of its time, as capture does; then wait until it is due."""
        self._process.do(self._skipped_seconds, self._await_due)

    def _await_due(self) -> None:
        due = self._phase + self._window.captured * self._interval
        self._engine.at(max(self._engine.now, due), lambda: self._shoot(due))

    def _shoot(self, due: float) -> None:
        if self._stopped:
            self._end()
        elif self._engine.now > due + self._interval or self._window.is_full:
            self._window.skip()
            self._grab()
        else:
            self._process.do(self._sent_seconds - self._skipped_seconds, lambda: self._take(due))

    def _take(self, due: float) -> None:
        self._window.add(due)
        self._send()
        self._grab()

    def _send(self) -> None:
        while outgoing := self._window.next():
            self._shots.take(self._camera, outgoing.sequence, outgoing.item)
            age_ns = int((self._engine.now - outgoing.item) * 1e9)
            frame = Frame(
                camera=self._camera,
                run=RUN,
                sequence=outgoing.sequence,
                live=True,
                captured_ns=0,
                width=640,
                height=480,
                ages={},
                encoding=Encoding.SHARED,
                age_ns=age_ns,
                previous=outgoing.previous,
            )
            self._broker.send(self, frame, (b"",))
            self._window.mark_sent()

    def _end(self) -> None:
        captured, sent = self._window.captured, self._window.sent
        self._broker.send(self, End(camera=self._camera, run=RUN, captured=captured, sent=sent, live=True))


class Worker:
    """A detector or classifier: takes jobs in batches, each frame's answer goes on.

    Args:
        engine, broker, shots: of the simulation.
        service: `detector` or `classifier`.
        number: of this worker.
        window: jobs it may hold.
        batch: jobs in a step at most.
        wait_seconds: how long it sleeps for a fuller batch.
        seconds: gives how long a step of so many frames and faces takes.
    """

    captured = 0

    def __init__(
        self,
        engine: Engine,
        broker: SimulatedBroker,
        shots: Shots,
        service: str,
        number: int,
        window: int,
        batch: int,
        wait_seconds: float,
        seconds: Callable[[int, int], float],
    ) -> None:
        self.hello = hello(service, f"{service}-{number}", window)
        self._broker, self._shots, self._seconds = broker, shots, seconds
        self._steps = Batches(engine, batch, wait_seconds, self._begin)
        self._process = Process(engine, service)
        broker.connect(self, beats_from=number * 0.01)

    def hear(self, header: Header, payload: Sequence[Part]) -> None:
        """Take a job."""
        assert isinstance(header, Job)
        self._steps.add((header, payload))

    def _begin(self, held: list[Held]) -> None:
        jobs = [job for job, _ in held]
        faces = [self._shots.faces(job.camera, job.sequence) for job in jobs]
        self._process.do(self._seconds(len(jobs), sum(faces)), lambda: self._end(jobs, faces))

    def _end(self, jobs: list[Job], faces: list[int]) -> None:
        for job, count in zip(jobs, faces, strict=True):
            is_found = self.hello.service == "detector" and count > 0
            self._broker.send(self, Output(job=job.job), _answer(is_found, count), faces=count)
        self._steps.end()


def _answer(is_found: bool, faces: int) -> tuple[Part, ...]:
    """Return the message for the next stage; only its kind and its size matter to the broker."""
    if is_found:
        return (Faces.kind, b"", bytes(faces * CROP_BYTES))
    return (Result.kind, bytes(int(result_bytes(faces))))
