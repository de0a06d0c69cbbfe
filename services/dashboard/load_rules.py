"""Verdict rules about load: which service limits the stack, and whether more workers would help."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.dashboard.findings import Evidence, Finding
from shared import topology
from shared.capacity import LESS_WORK, NEAR_LIMIT, Load, crowded_hosts, enough_workers, load_of
from shared.messages import Outcome
from shared.status import WorkerStatus

GIVING_WAY: Final = 0.05
"""Share of frames dropped for newer ones that is worth a word where no worker is overloaded."""
_STAGES: Final = {
    stage: service.name
    for service in topology.SERVICES.values()
    if service.queue
    for stage in topology.stages(service)
}


def bottleneck(evidence: Evidence) -> Iterator[Finding]:
    """More work arrives than the workers of a service can do."""
    over = [(ratio, service) for service, ratio in evidence.status.demand.items() if ratio > 1]
    for rank, (ratio, service) in enumerate(sorted(over, reverse=True)):
        workers = evidence.workers(service)
        says = (
            f"The {service} {'is the bottleneck' if rank == 0 else 'is overloaded too'} (demand {ratio:.2f})"
        )
        if crowded_hosts(workers):
            text = f"{says}, and {_crowd(workers)}: more workers won't help. {LESS_WORK[service]}"
            yield Finding(code="cores_used_up", level="bad", text=text)
        elif workers:
            wanted = enough_workers(workers, ratio)
            text = f"{says}: set {service}={wanted}."
            yield Finding(code="bottleneck", level="bad", text=text, action={f"{service}s": wanted})


def latency(evidence: Evidence) -> Iterator[Finding]:
    """Frames take longer than the objective."""
    p95 = evidence.status.latency.p95_ms
    overloaded = any(ratio > 1 for ratio in evidence.status.demand.values())  # which says it already
    if overloaded or p95 is None or p95 <= evidence.objective_ms:
        return
    says = (
        f"Frames take {p95:.0f} ms to be recorded (p95), over the objective of {evidence.objective_ms:.0f} ms"
    )
    slowest = max(evidence.stages, key=lambda stage: stage.p95_ms, default=None)
    service = _STAGES.get(slowest.stage) if slowest else None
    if slowest is None or service is None:
        yield Finding(code="slow", level="warn", text=f"{says}.")
        return
    place = f"waiting for the {service}" if slowest.stage.endswith("_queue") else f"in the {service}"
    says += f"; most of it, {slowest.p95_ms:.0f} ms, {place}"
    workers = evidence.workers(service)
    if crowded_hosts(workers):
        yield Finding(code="slow", level="warn", text=f"{says}, and {_crowd(workers)}. {LESS_WORK[service]}")
    elif slowest.stage.endswith("_queue") and workers and evidence.status.demand.get(service, 0) > 0.5:
        wanted = len(workers) + 1
        text = f"{says}: set {service}={wanted}."
        yield Finding(code="slow", level="warn", text=text, action={f"{service}s": wanted})
    else:
        yield Finding(code="slow", level="warn", text=f"{says}. {LESS_WORK[service]}")


def giving_way(evidence: Evidence) -> Iterator[Finding]:
    """Frames are dropped for newer ones, though no worker is overloaded."""
    share = evidence.drops.share(Outcome.OVERTAKEN, Outcome.STALE, Outcome.LATE)
    demand = evidence.status.demand
    if share <= GIVING_WAY or not demand or max(demand.values()) > NEAR_LIMIT:
        return
    text = (
        f"{share:.0%} of the frames gave way to newer ones in the last {evidence.drops.seconds:.0f} s, "
        "though no worker is overloaded: they come in bursts. A lower fps at the cameras evens them out."
    )
    yield Finding(code="giving_way", level="warn", text=text)


def near_limit(evidence: Evidence) -> Iterator[Finding]:
    """A service keeps up, but a little more would be too much."""
    for service, ratio in evidence.status.demand.items():
        workers = evidence.workers(service)
        if load_of(len(workers), ratio) is not Load.NEAR:
            continue
        says = f"The {service} has no room left (demand {ratio:.2f})"
        if crowded_hosts(workers):
            text = f"{says}, and {_crowd(workers)}. {LESS_WORK[service]}"
            yield Finding(code="near_limit", level="warn", text=text)
        else:
            wanted = len(workers) + 1
            text = f"{says}: set {service}={wanted} before more cameras come."
            yield Finding(code="near_limit", level="warn", text=text, action={f"{service}s": wanted})


def _crowd(workers: Sequence[WorkerStatus]) -> str:
    """Say how busy the fullest host is."""
    fullest = max(workers, key=lambda worker: worker.host_busy)
    cores = "the one core" if fullest.cores == 1 else f"the {fullest.cores} cores"
    return f"{cores} of {fullest.host} {'is' if fullest.cores == 1 else 'are'} {fullest.host_busy:.0%} busy"
