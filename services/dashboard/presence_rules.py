"""Verdict rules about what is there: processes, Redis, cameras, clocks, and frames that were lost."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from services.dashboard.findings import Evidence, Finding, listed
from shared import topology
from shared.messages import Outcome
from shared.status import NEEDED

CLOCK_SECONDS: Final = 1.0
MEMORY_SHARE: Final = 0.9
SLOW_CAMERA: Final = 0.8
"""A camera that gives less than this share of the frames asked for sets the limit."""
SETTLED_SECONDS: Final = 30.0
"""So long after a camera came alive, results should be there."""


def absent(evidence: Evidence) -> Iterator[Finding]:
    """A service that nothing works without does not run."""
    for service in NEEDED:
        if evidence.workers(service):
            continue
        if service == topology.BROKER.name:
            text = "No broker runs, and nothing moves without one: start it (mien up, or its container)."
            yield Finding(code="broker_away", level="bad", text=text)
        elif service in topology.MAX_WORKERS:
            text = f"No {service} runs, so no result comes: set {service}=1."
            yield Finding(code="no_worker", level="bad", text=text, action={f"{service}s": 1})
        else:
            text = "No capture runs, so no camera is read: start it (mien up, or its container)."
            yield Finding(code="no_worker", level="bad", text=text)


def waiting(evidence: Evidence) -> Iterator[Finding]:
    """A process says that it waits for another one."""
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for worker in evidence.status.workers:
        if worker.state.startswith("waiting for "):
            waiting[worker.state.removeprefix("waiting for ")].append(worker.instance)
    remedies = {
        "broker": ("broker_away", "check that the broker runs, bus.work, and the keys"),
        "redis": ("redis_away", "results wait in the broker meanwhile; check Redis and its memory"),
    }
    for what, instances in waiting.items():
        code, remedy = remedies.get(what, ("waiting", "see its log"))
        verb = "waits" if len(instances) == 1 else "wait"
        text = f"{listed(instances)} {verb} for the {what}: {remedy}."
        yield Finding(code=code, level="bad", text=text.replace("the redis", "Redis"))


def memory(evidence: Evidence) -> Iterator[Finding]:
    """Redis is nearly full, or would throw data away."""
    server = evidence.server
    if server and server.limit_bytes and server.used_bytes > MEMORY_SHARE * server.limit_bytes:
        share = server.used_bytes / server.limit_bytes
        text = (
            f"Redis has used {share:.0%} of its memory, and a full one takes no more results: "
            "raise maxmemory (redis.max_memory), or lower retention.results."
        )
        yield Finding(code="redis_full", level="bad", text=text)
    if server and server.policy and server.policy != "noeviction" and server.limit_bytes:
        text = f"Redis throws data away when it is full ({server.policy}): set maxmemory-policy noeviction."
        yield Finding(code="redis_evicts", level="warn", text=text)


def nothing_recorded(evidence: Evidence) -> Iterator[Finding]:
    """Cameras are live and all services run, but no results come."""
    status = evidence.status
    settled_ns = status.at_ns - int(SETTLED_SECONDS * 1e9)
    running = [
        camera.camera
        for camera in status.cameras
        if camera.state == "live" and camera.captured_per_second and camera.since_ns < settled_ns
    ]
    if running and not status.latency.frames and all(evidence.workers(service) for service in NEEDED):
        text = f"{listed(running)} live, but nothing was recorded in the last minutes: see the workers' logs."
        verb = "is" if len(running) == 1 else "are"
        yield Finding(code="nothing_recorded", level="bad", text=text.replace(" live", f" {verb} live", 1))


def cameras(evidence: Evidence) -> Iterator[Finding]:
    """There is no camera, or one is lost."""
    cameras = evidence.status.cameras
    if not cameras:
        text = "No camera is attached: add one on this page, or with mien camera add."
        yield Finding(code="no_camera", level="warn", text=text)
    for camera in (camera for camera in cameras if camera.state == "lost"):
        text = f"Camera {camera.camera} is lost: {camera.detail or 'no frames come'}."
        yield Finding(code="camera_lost", level="bad", text=text)


def slow_cameras(evidence: Evidence) -> Iterator[Finding]:
    """A camera gives fewer frames than it was asked for."""
    for camera in evidence.status.cameras:
        asked, given = camera.asked_per_second, camera.captured_per_second
        if camera.state == "live" and asked and 0 < given < SLOW_CAMERA * asked:
            text = (
                f"Camera {camera.camera} is the limit: it gives {given:.1f} frames/s where {asked:g} are "
                "asked for. More light or a smaller picture often helps."
            )
            yield Finding(code="camera_limit", level="warn", text=text)


def deaths(evidence: Evidence) -> Iterator[Finding]:
    """Frames were lost to something other than load."""
    drops = evidence.drops
    reasons = {
        Outcome.LOST_WORKER: "a worker that held them died; see its log",
        Outcome.LOST: "a process died with them in its hands; see the logs",
        Outcome.POISON: "two workers died over them; remove that source, and report it",
        Outcome.INVALID: "their data could not be used; see the logs of detector and classifier",
        Outcome.RECORDER_DOWN: "no recorder took their results; start one",
        Outcome.REDIS_DOWN: "Redis took no results; check it and its memory",
    }
    for outcome, why in reasons.items():
        if frames := drops.dropped.get(outcome.value):
            noun = "frame was" if frames == 1 else "frames were"
            text = f"{frames} {noun} dropped in the last {drops.seconds:.0f} s: {why}."
            yield Finding(code=outcome.value, level="warn", text=text)


def clocks(evidence: Evidence) -> Iterator[Finding]:
    """A host's clock is off."""
    offsets = {worker.host: worker.clock_offset_seconds for worker in evidence.status.workers}
    for host, offset in offsets.items():
        if abs(offset) > CLOCK_SECONDS:
            direction = "behind" if offset > 0 else "ahead of"
            text = (
                f"The clock of {host} is {abs(offset):.1f} s {direction} the broker's. Latencies are "
                "corrected for it, times of day are not: let chronyd or systemd-timesyncd set it."
            )
            yield Finding(code="clock_off", level="warn", text=text)


def advice(evidence: Evidence) -> Iterator[Finding]:
    """A process knows how it could do better."""
    texts = [str(worker.facts["remedy"]) for worker in evidence.status.workers if worker.facts.get("remedy")]
    for text in dict.fromkeys(texts):
        yield Finding(code="advice", level="good", text=text)
