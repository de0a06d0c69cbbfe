"""Who is connected: sources, workers, and the jobs that each holds."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.broker.tasks import Task
from shared.messages import Hello


@dataclass(slots=True, eq=False)
class OpenJob:
    """A task in a worker's hands."""

    number: int
    task: Task
    alone: bool = False


@dataclass(slots=True, eq=False)
class Peer:
    """One client that has said HELLO.

    Attributes:
        identity: its address on the ROUTER socket.
        hello: what it said of itself.
        heard: monotonic time of its last sign of life.
        progressed: when its oldest job began to be its turn: the lease counts from here.
        assigned: count of jobs ever given, which breaks ties between equally free workers.
        received: source: highest sequence received.
        draining: since when it takes no more jobs; None while it works.
        redis_down: recorder: it waits for Redis.
    """

    identity: bytes
    hello: Hello
    heard: float
    progressed: float = 0.0
    assigned: int = 0
    received: int = 0
    draining: float | None = None
    redis_down: bool = False
    jobs: dict[int, OpenJob] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    """Open jobs per camera."""

    @property
    def name(self) -> tuple[str, str]:
        """Service and instance."""
        return self.hello.service, self.hello.instance

    def has_room(self) -> bool:
        """Whether a detector or classifier may get another job."""
        jobs = self.jobs
        if self.draining is not None or len(jobs) >= self.hello.window:
            return False
        return not jobs or not any(job.alone for job in jobs.values())

    def take(self, job: OpenJob, now: float) -> None:
        """Put a job into its hands."""
        if not self.jobs:
            self.progressed = now
        self.jobs[job.number] = job
        self.held[job.task.camera] = self.held.get(job.task.camera, 0) + 1
        self.assigned += 1

    def give(self, number: int) -> OpenJob | None:
        """Take a job out of its hands; None if it does not hold it."""
        job = self.jobs.pop(number, None)
        if job is not None:
            left = self.held.pop(job.task.camera) - 1
            if left:
                self.held[job.task.camera] = left
        return job

    def give_all(self, camera: str | None = None) -> list[OpenJob]:
        """Take all jobs (of one camera) out of its hands, in the order given."""
        numbers = [n for n, job in self.jobs.items() if camera is None or job.task.camera == camera]
        return [job for number in numbers if (job := self.give(number))]


class Roster:
    """All peers, by identity, by name, and sources by camera."""

    def __init__(self) -> None:
        self._by_identity: dict[bytes, Peer] = {}
        self._by_name: dict[tuple[str, str], Peer] = {}
        self._by_service: dict[str, list[Peer]] = {}
        self._sources: dict[str, Peer] = {}
        self._owners: dict[str, Peer | None] = {}
        """Which recorder has a camera, until the recorders change."""

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._by_identity.values()))

    def add(self, peer: Peer) -> None:
        """Enter a peer."""
        self._by_identity[peer.identity] = peer
        self._by_name[peer.name] = peer
        self._by_service.setdefault(peer.hello.service, []).append(peer)
        self._owners.clear()
        if peer.hello.camera is not None:
            self._sources[peer.hello.camera] = peer

    def remove(self, peer: Peer) -> None:
        """Strike a peer out."""
        if self._by_identity.pop(peer.identity, None):
            self._by_service[peer.hello.service].remove(peer)
            self._owners.clear()
        if self._by_name.get(peer.name) is peer:
            del self._by_name[peer.name]
        camera = peer.hello.camera
        if camera is not None and self._sources.get(camera) is peer:
            del self._sources[camera]

    def at(self, identity: bytes) -> Peer | None:
        """Return the peer at an address."""
        return self._by_identity.get(identity)

    def named(self, service: str, instance: str) -> Peer | None:
        """Return the peer of that name."""
        return self._by_name.get((service, instance))

    def source(self, camera: str) -> Peer | None:
        """Return the source of a camera."""
        return self._sources.get(camera)

    def source_count(self) -> int:
        """Return how many cameras are connected."""
        return len(self._sources)

    def workers(self, service: str) -> list[Peer]:
        """Return the workers of a service, draining ones included."""
        return self._by_service.get(service, [])

    def held(self, service: str, camera: str) -> int:
        """Return how many jobs of a camera the workers of a service hold."""
        return sum(peer.held.get(camera, 0) for peer in self.workers(service))

    def drain(self, peer: Peer, now: float) -> None:
        """Give a worker no more jobs."""
        peer.draining = now
        self._owners.clear()

    def freest(self, service: str, but: Peer | None = None) -> Peer | None:
        """Return the worker with room that holds least; among equals, the one given least so far."""
        free = [peer for peer in self.workers(service) if peer is not but and peer.has_room()]
        if len(free) < 2:
            return free[0] if free else None
        return min(free, key=lambda peer: (len(peer.jobs), peer.assigned))

    def owner(self, camera: str) -> Peer | None:
        """Return the recorder of a camera: the highest rendezvous hash among those that take jobs."""
        if camera not in self._owners:
            alive = [peer for peer in self.workers("recorder") if peer.draining is None]
            self._owners[camera] = max(
                alive, key=lambda peer: _rendezvous(camera, peer.hello.instance), default=None
            )
        return self._owners[camera]


def _rendezvous(camera: str, instance: str) -> bytes:
    return hashlib.blake2b(f"{camera}\0{instance}".encode(), digest_size=8).digest()
