"""What a bench reads off a running stack: processor time, memory, latencies, stages, the ledger."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import psutil

from services.bench.stack import Stack
from shared import topology
from shared.stages import times_in_stages
from shared.store import Store


class CpuReading(NamedTuple):
    """Processor seconds of each process so far, by (service, pid)."""

    seconds: dict[tuple[str, int], float]

    def since(self, before: "CpuReading") -> dict[str, float]:
        """Return the seconds spent since then, by service."""
        spent: dict[str, float] = defaultdict(float)
        for (service, pid), seconds in self.seconds.items():
            spent[service] += seconds - before.seconds.get((service, pid), 0.0)
        return dict(spent)


def read_cpu(stack: Stack) -> CpuReading:
    """Read all processes' user and system time."""
    seconds = {}
    for service, processes in stack.processes().items():
        for process in processes:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            seconds[service, process.pid] = times.user + times.system
    return CpuReading(seconds)


def read_memory(stack: Stack) -> dict[str, float]:
    """Return the resident memory of each service's processes together, in MB."""
    total: dict[str, float] = defaultdict(float)
    for service, processes in stack.processes().items():
        for process in processes:
            try:
                total[service] += process.memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                continue
    return dict(total)


class Memory:
    """Resident memory over a run: the peak, and how much it grew after the first minute."""

    def __init__(self) -> None:
        self.peak: dict[str, float] = {}
        self._samples: list[tuple[float, dict[str, float]]] = []

    def sample(self, stack: Stack) -> None:
        """Read memory now."""
        reading = read_memory(stack)
        self._samples.append((time.monotonic(), reading))
        for service, megabytes in reading.items():
            self.peak[service] = max(self.peak.get(service, 0.0), megabytes)

    def growth(self, after_seconds: float = 60.0) -> dict[str, float]:
        """Return growth by service: mean of the last tenth over that of the first one after a minute."""
        began = self._samples[0][0] if self._samples else 0.0
        late = [reading for at, reading in self._samples if at - began >= after_seconds]
        share = max(1, len(late) // 10)
        if len(late) < 2 * share:
            return {}
        return {
            service: _mean(late[-share:], service) / max(1e-9, _mean(late[:share], service)) - 1
            for service in late[-1]
        }


def _mean(readings: Sequence[Mapping[str, float]], service: str) -> float:
    return sum(reading.get(service, 0.0) for reading in readings) / len(readings)


def percentiles(values: Iterable[float], which: Sequence[int]) -> dict[str, float]:
    """Return {"p50": …} of the values, rounded to two decimals; 0 where there are none."""
    array = np.fromiter(values, np.float64)
    return {f"p{p}": round(float(np.percentile(array, p)), 2) if array.size else 0.0 for p in which}


class Readings:
    """The results of some cameras, read while they come: Redis does not keep them to the end of a soak.

    Args:
        store: of the stack.
        cameras: their names.
    """

    def __init__(self, store: Store, cameras: Sequence[str]) -> None:
        self._store = store
        self._last: dict[str, str | None] = dict.fromkeys(cameras)
        self._faces = 0
        self._timed: list[tuple[int, float, dict[str, float]]] = []

    def take(self) -> None:
        """Read what came since the last time."""
        for camera, last in self._last.items():
            for result in self._store.results(camera, after=last):
                self._last[camera] = result["id"]
                self._faces += len(result["faces"])
                self._timed.append((result["captured_ns"], _latency_milliseconds(result), result["ages_ms"]))

    def figures(self, since_ns: int, until_ns: int) -> dict[str, Any]:
        """Return `faces_recorded` of all, `latency_ms` and `stage_ms` of those captured in [since, until)."""
        timed = [(latency, ages) for at, latency, ages in self._timed if since_ns <= at < until_ns]
        return {
            "faces_recorded": self._faces,
            "latency_ms": percentiles((latency for latency, _ in timed), (50, 95, 99)),
            "stage_ms": stage_milliseconds({"ages_ms": ages} for _, ages in timed),
        }


def _latency_milliseconds(result: Mapping[str, Any]) -> float:
    """Return capture → in Redis: Redis itself stamped the entry with the millisecond at which it wrote it."""
    written_ms = int(result["id"].split("-")[0]) + 0.5
    return max(0.0, written_ms - float(result["captured_ns"]) / 1e6)


def stage_milliseconds(results: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how long frames spent in each stage, from the ages in their results."""
    spent: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for stage, passed in times_in_stages(result["ages_ms"]).items():
            spent[stage].append(passed)
    return {stage: percentiles(spent[stage], (50, 95)) for stage in topology.STAGES if stage in spent}


def dropped(ledgers: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the frames that were not recorded, by reason, over all cameras."""
    total: Counter[str] = Counter()
    for ledger in ledgers:
        total.update(
            {k: n for k, n in ledger.items() if k not in ("captured", "recorded", "in_flight") and n}
        )
    return dict(total)
