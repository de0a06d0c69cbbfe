"""Where the broker's work waits and to whom it goes: queues, drops and their notices, hand-over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.broker.demand import JobTime, Rate
from services.broker.queues import FairQueue, ResultsQueue
from services.broker.roster import OpenJob, Peer, Roster
from services.broker.tasks import Task
from shared import topology
from shared.codec import encode
from shared.events import Action, Send
from shared.messages import Ack, Gone, Header, Job, JobId, Outcome, Part, Preview

HANDOVER_SECONDS: Final = 1.0
"""How long a camera's results wait for the recorder that had it before."""
_WORKERS_OF: Final = {service.queue: service.name for service in topology.SERVICES.values() if service.queue}


@dataclass(frozen=True)
class Limits:
    """What the settings say: `deadline_seconds` for waiting live frames, `lease_seconds` for jobs."""

    deadline_seconds: float = 1.0
    lease_seconds: float = 2.0


class Dispatcher:
    """Queues and open jobs; every change puts what is to be sent into `actions`."""

    def __init__(self, broker_run: int, limits: Limits) -> None:
        self.roster = Roster()
        self.queues = {q.name: FairQueue(q.live_waiting) for q in topology.QUEUES.values() if q.live_waiting}
        self.results = ResultsQueue(topology.RESULTS.max_bytes or 0)
        self.job_times = {name: JobTime() for name in topology.SERVICES}
        self.arrivals = {name: Rate() for name in topology.QUEUES}
        self.dropped: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self.watched: set[str] = set()
        self.actions: list[Action] = []
        self.broker_run, self.limits = broker_run, limits
        self._number = 0
        self._holders: dict[str, Peer] = {}
        self._handovers: dict[str, float] = {}

    def demand(self, service: str, now: float) -> float:
        """Return arrivals a second x mean seconds a job / workers; with no worker, as if there were one."""
        queue = topology.SERVICES[service].queue or ""
        load = self.arrivals[queue].per_second(now) * self.job_times[service].mean_seconds
        return load / max(1, len(self.roster.workers(service)))

    def say(self, identity: bytes, header: Header) -> None:
        """Send a message without payload."""
        self.actions.append(Send(identity, encode(header)))

    def enqueue(self, name: str, task: Task, now: float) -> None:
        """Put a frame's message into a queue and hand out what can be."""
        self.arrivals[name].count(now)
        if overtaken := self.queues[name].push(task):
            self.drop(overtaken, Outcome.OVERTAKEN, now)
        self.dispatch(name, now)

    def push_result(self, task: Task, now: float) -> None:
        """Put a result up for its camera's recorder."""
        self.arrivals[topology.RESULTS.name].count(now)
        self.tell(task, now)

    def tell(self, task: Task, now: float) -> None:
        """Put a result or notice up for its camera's recorder; over the bound the oldest are given up."""
        self.results.push(task)
        self._shrink_results()
        self.dispatch_results(now)

    def take_back(self, jobs: Sequence[OpenJob]) -> None:
        """Put up again, in front, what a recorder held."""
        self.results.push_front([job.task for job in jobs])
        self._shrink_results()

    def _shrink_results(self) -> None:
        reason = Outcome.REDIS_DOWN if self._redis_is_down() else Outcome.RECORDER_DOWN
        for given_up in self.results.shrink(reason):
            self.dropped[reason] += 1
            self.acknowledge(given_up)

    def _redis_is_down(self) -> bool:
        return any(peer.redis_down for peer in self.roster.workers(topology.RECORDER.name))

    def drop(self, task: Task, reason: Outcome, now: float) -> None:
        """Give a frame up, and tell its source and its recorder."""
        self.acknowledge(task)
        self.notice(task.camera, task.run, task.first, task.last, reason, now)

    def notice(self, camera: str, run: int, first: int, last: int, reason: Outcome, now: float) -> None:
        """Tell a camera's recorder that these frames are gone, and why."""
        self.dropped[reason] += last - first + 1
        self.tell(Task(camera, run, first, last, True, now, reason=reason), now)

    def dispatch_all(self, now: float) -> None:
        """Hand out whatever can be, in all queues."""
        for name in self.queues:
            self.dispatch(name, now)
        self.dispatch_results(now)

    def dispatch(self, name: str, now: float) -> None:
        """Give waiting frames to the workers that hold least."""
        queue = self.queues[name]
        service = _WORKERS_OF[name]
        reserved = self._try_suspect(queue, service, now) if queue.suspects else None
        while worker := self.roster.freest(service, but=reserved):
            task = queue.pop(lambda task: self._may_go(name, task))
            if task is None:
                return
            if task.live and now - task.origin > self.limits.deadline_seconds:
                self.drop(task, Outcome.STALE, now)
            else:
                self._assign(worker, task, now)
                if task.live:
                    self.acknowledge(task)

    def _may_go(self, name: str, task: Task) -> bool:
        """Whether workers hold few enough frames of a live camera: it must not overwrite them meanwhile."""
        most = topology.QUEUES[name].live_held
        return not task.live or most is None or self.roster.held(_WORKERS_OF[name], task.camera) < most

    def _try_suspect(self, queue: FairQueue, service: str, now: float) -> Peer | None:
        """Give a suspect to an idle worker, alone; while none is idle, keep the freest one's hands free."""
        worker = self.roster.freest(service)
        if worker and not worker.jobs:
            self._assign(worker, queue.suspects.popleft(), now, alone=True)
            return None
        return worker

    def dispatch_results(self, now: float) -> None:
        """Give each camera's results to its recorder, as many as that one may hold."""
        for camera in self.results.cameras():
            owner = self._owner(camera, now)
            while owner and _takes_results(owner, camera):
                task = self.results.pop(camera)
                if task is None:
                    break
                self._assign(owner, task, now)

    def _owner(self, camera: str, now: float) -> Peer | None:
        """Return the camera's recorder; None while the one before still holds results (at most 1 s)."""
        wanted, holder = self.roster.owner(camera), self._holders.get(camera)
        if wanted is None:
            return None
        if holder is not None and holder is not wanted and camera in holder.held:
            if now - self._handovers.setdefault(camera, now) < HANDOVER_SECONDS:
                return None
            self.take_back(holder.give_all(camera))
        self._holders[camera] = wanted
        self._handovers.pop(camera, None)
        return wanted

    def _assign(self, worker: Peer, task: Task, now: float, alone: bool = False) -> None:
        self._number += 1
        worker.take(OpenJob(self._number, task, alone), now)
        header = Job(
            job=JobId(self.broker_run, self._number),
            camera=task.camera,
            run=task.run,
            sequence=task.first,
            age_ns=max(0, round((now - task.origin) * 1e9)),
            previews=self._previews(task.camera),
            watched=bool(self.watched) and topology.result_topic(task.camera) in self.watched,
            crops=bool(self.watched) and topology.crop_topic(task.camera) in self.watched,
        )
        self.actions.append(Send(worker.identity, encode(header, *_parts(task))))

    def _previews(self, camera: str) -> frozenset[Preview]:
        if not self.watched:
            return frozenset()
        return frozenset(
            preview for preview in Preview if topology.preview_topic(camera, preview) in self.watched
        )

    def acknowledge(self, task: Task) -> None:
        """Tell a frame's source, once, that the frame no longer counts against its window."""
        source = self.roster.source(task.camera)
        if not task.acknowledged and task.reason is None and source and source.hello.run == task.run:
            task.acknowledged = True
            self.say(source.identity, Ack(run=task.run, sequences=(task.first,)))


def _takes_results(recorder: Peer, camera: str) -> bool:
    has_room = len(recorder.jobs) < topology.RECORDER_JOBS
    return has_room and recorder.held.get(camera, 0) < recorder.hello.window


def _parts(task: Task) -> Sequence[Part]:
    if task.reason is None:
        return task.parts
    return encode(
        Gone(camera=task.camera, run=task.run, first=task.first, last=task.last, reason=task.reason)
    )
