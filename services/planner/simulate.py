"""A discrete-event simulation of one shard, and of many: throughput, latency, processor time and drops."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Final, NamedTuple

import numpy as np

from services.broker.dispatch import Limits
from services.planner.broker import SimulatedBroker
from services.planner.clients import Shots, Source, Spread, Worker
from services.planner.engine import Engine, Process
from services.planner.prediction import Prediction
from services.planner.recorder import Ledger, SimulatedRecorder
from services.planner.shard import Shard
from services.recorder.ordering import LOST_SECONDS, Patience
from shared import topology

WARM_UP_SECONDS: Final = 1.0
"""At the beginning, without part in rates and latencies."""
LEAST_SECONDS: Final = 2.0
MOST_FRAMES: Final = 20_000
"""Captured in one shard's simulation: what bounds how long it takes."""
MORE_SECONDS: Final = 1.0
"""After everything must be over, until somebody looks."""

Progress = Callable[[float], None]
"""Told the share of the simulation that is over, 0 to 1."""


def simulate(
    shard: Shard, seconds: float, seed: int = 1, progress: Progress = lambda share: None
) -> Prediction:
    """Simulate one shard, at most so long, and at most 20,000 captured frames (but 2 s at least).

    The same arguments give the same prediction. At the end cameras stop, and it goes on until the fate of
    each frame is known.
    """
    return _Run(shard, seconds, seed).run(progress)


def simulate_shards(
    shards: Mapping[Shard, int], seconds: float, seed: int = 1, progress: Progress = lambda share: None
) -> Prediction:
    """Simulate one shard of each kind and return what all of them together do.

    Args:
        shards: shard → how many there are of it.
        seconds: see `simulate`.
        seed: see `simulate`.
        progress: told how far it is.
    """
    total = Prediction(0, 0.0, 0, Counter(), 0.0, [])
    for number, (shard, count) in enumerate(shards.items()):
        done = number / len(shards)
        one = simulate(shard, seconds, seed, lambda share, done=done: progress(done + share / len(shards)))  # type: ignore[misc]
        total.take(one, count)
    return total


class _Reading(NamedTuple):
    """Processor seconds by service, and frames recorded, at some time."""

    spent: Counter[str]
    recorded: int


class _Run:
    """One simulation from beginning to end."""

    def __init__(self, shard: Shard, seconds: float, seed: int) -> None:
        self._shard = shard
        rate = shard.cameras * shard.fps
        self._seconds = min(seconds, max(LEAST_SECONDS, MOST_FRAMES / rate))
        self._random = Random(seed)
        idle = sum(shard.idle_cores.values())
        self._engine = Engine(max(shard.cores - idle, 0.05 * shard.cores))
        self._broker = SimulatedBroker(self._engine, Limits(shard.deadline, shard.lease), shard.costs.broker)
        self._shots = Shots(self._random, shard.faces)
        self._spread = Spread(self._random, shard.spread)
        self._ledger = Ledger()
        self._add_recorders()
        self._add_workers("classifier", shard.classifiers, shard.batch_size, shard.batch_wait)
        self._add_workers("detector", shard.detectors, 1, 0.0)
        self._sources = [self._source(number) for number in range(shard.cameras)]

    def run(self, progress: Progress) -> Prediction:
        """Simulate all, and return what was seen."""
        warm_up = min(WARM_UP_SECONDS, self._seconds / 4)
        self._engine.run(warm_up)
        before = self._read()
        steps = 50
        for step in range(1, steps + 1):
            self._engine.run(warm_up + (self._seconds - warm_up) * step / steps)
            progress(step / steps)
        return self._predict(before, self._read(), warm_up)

    def _predict(self, before: _Reading, after: _Reading, warm_up: float) -> Prediction:
        span = self._seconds - warm_up
        self._stop()
        per_second = (after.recorded - before.recorded) / span
        cores = {name: (after.spent[name] - before.spent[name]) / span for name in self._shard.processes}
        for name, idle in self._shard.idle_cores.items():
            cores[name] += idle
        for name in ("dashboard", "supervisor"):  # they stand beside a frame's road: nothing waits for them
            cost = self._shard.costs.of(name)
            cores[name] += per_second * (cost.frame_ms + self._shard.faces * cost.face_ms) / 1000
        late = [age for _, age in self._ledger.recorded[before.recorded : after.recorded]]
        fates: Counter[str] = Counter()
        for account in self._ledger.accounts.values():
            fates.update(account.fates)
        recorded = [self._ledger.account(f"camera-{n}").fates["recorded"] for n in range(self._shard.cameras)]
        return Prediction(
            cameras=self._shard.cameras,
            seconds=self._seconds,
            offered=sum(source.captured for source in self._sources),
            fates=fates,
            per_second=per_second,
            latencies=[(np.asarray(late), 1)],
            cores=cores,
            per_camera=(min(recorded), max(recorded)),
        )

    def _stop(self) -> None:
        """Stop all cameras and go on until all is accounted for, at most as long as a lost frame takes."""
        for source in self._sources:
            source.stop()
        until = self._seconds + self._shard.deadline + self._shard.lease + LOST_SECONDS + MORE_SECONDS
        while self._engine.now < until:
            self._engine.run(self._engine.now + 0.25)
            if self._ledger.counted == sum(source.captured for source in self._sources):
                return

    def _read(self) -> _Reading:
        return _Reading(Counter(self._engine.spent), len(self._ledger.recorded))

    def _add_recorders(self) -> None:
        shard = self._shard
        lost = shard.deadline + LOST_SECONDS
        patience = Patience(shard.reorder, shard.deadline, lost, lost + shard.lease)
        redis = Process(self._engine, "redis")
        for number in range(shard.recorders):
            SimulatedRecorder(
                self._engine,
                self._broker,
                self._shots,
                self._spread,
                number,
                shard.costs,
                redis,
                self._ledger,
                patience,
                shard.recorder_wait,
            )

    def _add_workers(self, service: str, count: int, batch: int, wait_seconds: float) -> None:
        cost = self._shard.costs.of(service)
        window = batch if service == "classifier" else topology.SERVICES[service].window
        for number in range(count):
            Worker(
                self._engine,
                self._broker,
                self._shots,
                service,
                number,
                window,
                batch,
                wait_seconds,
                lambda frames, faces: self._spread.seconds(cost, frames, faces),
            )

    def _source(self, number: int) -> Source:
        shard = self._shard
        return Source(
            self._engine,
            self._broker,
            self._shots,
            f"camera-{number}",
            shard.fps,
            self._random.random() / shard.fps,
            shard.window,
            shard.costs.capture.frame_ms / 1000,
            shard.skipped_frame_ms / 1000,
        )
