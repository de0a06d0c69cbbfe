"""The broker's policy, pure: `on(event, now) -> actions`. No sockets, no clocks; tested as it stands."""

import logging
from collections.abc import Callable
from typing import Any, Final

from services.broker.admission import Admission
from services.broker.dispatch import HANDOVER_SECONDS, Dispatcher, Limits
from services.broker.queues import RECORDED_WAITING, FairQueue
from services.broker.roster import OpenJob, Peer
from services.broker.tasks import Task
from shared import topology
from shared.codec import encode
from shared.events import Action, Announce, Event, Received, Subscribed, Vanished
from shared.messages import (
    MAX_SEQUENCE_JUMP,
    Beat,
    BeatAck,
    Done,
    Drain,
    Drained,
    End,
    Faces,
    Feed,
    Frame,
    Header,
    Hello,
    Invalid,
    JobId,
    Outcome,
    Output,
    Refused,
    Result,
    Seen,
    Taken,
    Welcome,
    Who,
)

logger = logging.getLogger(__name__)

SILENCE_SECONDS: Final = 3.0
GAP_SECONDS: Final = 1.0
"""A pause of the broker's own; after it, nobody is judged by what happened meanwhile."""
_PUBLISHERS: Final = frozenset({topology.DETECTOR.name, topology.RECORDER.name})


class Policy:
    """All decisions of the broker.

    Args:
        broker_run: names this life of the broker; answers to jobs of another life are dropped.
        host: this host and boot, for clock comparison.
        limits: from the settings.
    """

    def __init__(self, broker_run: int, host: str, limits: Limits) -> None:
        self.desk = Dispatcher(broker_run, limits)
        self.invalid = 0
        """Well-formed messages that said what can't be; counted outside the ledger."""
        self._broker_run, self._host, self._limits = broker_run, host, limits
        self._last_tick: float | None = None
        self._complaints: dict[str, tuple[int, str]] = {}
        """The run and the reason of the last complaint about a camera's frames."""
        self._admission = Admission(self.desk.roster)
        self._handlers: dict[type[Header], Callable[[Peer, Any, Received, float], None]] = {
            Frame: self._on_frame,
            Output: self._on_output,
            Done: self._on_done,
            Invalid: self._on_invalid,
            Feed: self._on_feed,
            End: self._on_end,
            Drain: self._on_drain,
        }

    def on(self, event: Event, now: float) -> list[Action]:
        """Take one event at monotonic time `now` (seconds) and return what is to be done."""
        actions: list[Action] = []
        self.desk.actions = actions
        if isinstance(event, Received):
            self._on_received(event, now)
        elif isinstance(event, Vanished):
            if peer := self.desk.roster.at(event.peer):
                self._bury(peer, now)
        elif isinstance(event, Subscribed):
            (self.desk.watched.add if event.wanted else self.desk.watched.discard)(event.topic)
        else:
            self._on_tick(now)
        return actions

    # --- peers -------------------------------------------------------------------------------------

    def _on_received(self, event: Received, now: float) -> None:
        header = event.message.header
        if isinstance(header, Hello):
            self._on_hello(event, header, now)
        elif isinstance(header, Beat):
            self._on_beat(event, header, now)
        elif (peer := self.desk.roster.at(event.peer)) is None:
            self.desk.say(event.peer, Who())
        elif (handler := self._handlers.get(type(header))) is None:
            self.invalid += 1
        else:
            peer.heard = now
            handler(peer, header, event, now)

    def _on_hello(self, event: Received, hello: Hello, now: float) -> None:
        identity = event.peer
        if reason := self._admission.refusal(hello, event.sender):
            self.desk.say(identity, Refused(reason=reason))
            return
        rival = self.desk.roster.source(hello.camera) if hello.camera else None
        if rival and rival.hello.instance != hello.instance:
            self.desk.say(identity, Taken(camera=rival.hello.camera or ""))
            return
        old = self.desk.roster.named(hello.service, hello.instance)
        if old and old.identity == identity:
            old.hello, old.heard, old.received = hello, now, 0
        else:
            if old:
                self._bury(old, now)
            least = min((peer.assigned for peer in self.desk.roster.workers(hello.service)), default=0)
            self.desk.roster.add(
                Peer(identity, hello, heard=now, assigned=least, redis_down=hello.redis_down)
            )
        self.desk.say(identity, Welcome(broker_run=self._broker_run))
        self.desk.dispatch_all(now)

    def _on_beat(self, event: Received, beat: Beat, now: float) -> None:
        if self._admission.wrong_role(beat.service, event.sender):
            self.invalid += 1
            return
        acknowledgement = BeatAck(sent_ns=beat.sent_ns, broker_ns=event.wall_ns, host=self._host)
        if beat.service == topology.DASHBOARD.name:  # it takes no jobs: all it wants is the time
            self.desk.say(event.peer, acknowledgement)
            return
        peer = self.desk.roster.named(beat.service, beat.instance)
        if peer is None:
            self.desk.say(event.peer, Who())
            return
        peer.heard, peer.redis_down = now, beat.redis_down
        if beat.captured > peer.received and peer.hello.camera and peer.hello.run:
            self._tell_seen(peer, beat.captured, now)
        self.desk.say(event.peer, acknowledgement)

    def _bury(self, peer: Peer, now: float) -> None:
        """Forget a peer; what it held is tried again, dropped, or given to the next recorder."""
        self.desk.roster.remove(peer)
        self._release(peer, now)
        self.desk.dispatch_all(now)

    def _release(self, peer: Peer, now: float) -> None:
        jobs = peer.give_all()
        if peer.hello.service == topology.RECORDER.name:
            self.desk.take_back(jobs)
            return
        for job in jobs:
            self._lost(self._queue_of(peer), job, now)

    def _lost(self, queue: FairQueue, job: OpenJob, now: float) -> None:
        task = job.task
        task.deaths += 1
        if task.live:
            self.desk.drop(task, Outcome.LOST_WORKER, now)
        elif task.deaths > 1:
            self.desk.drop(task, Outcome.POISON, now)
        else:
            queue.suspects.append(task)

    def _queue_of(self, worker: Peer) -> FairQueue:
        return self.desk.queues[topology.SERVICES[worker.hello.service].queue or ""]

    # --- sources -----------------------------------------------------------------------------------

    def _on_frame(self, peer: Peer, frame: Frame, event: Received, now: float) -> None:
        if not self._is_plausible(peer, frame):
            self.invalid += 1
            return
        first_lost = max(frame.previous, peer.received) + 1
        if frame.live and peer.received <= frame.previous and first_lost < frame.sequence:
            self.desk.notice(frame.camera, frame.run, first_lost, frame.sequence - 1, Outcome.OVERTAKEN, now)
            # Had there been room, these would have come too: demand counts them.
            self.desk.arrivals[topology.FRAMES.name].count(now, frame.sequence - first_lost)
        peer.received = max(peer.received, frame.sequence)
        origin = now - frame.age_ns / 1e9
        self.desk.enqueue(
            topology.FRAMES.name,
            Task(frame.camera, frame.run, frame.sequence, frame.sequence, frame.live, origin, event.parts),
            now,
        )

    def _is_plausible(self, peer: Peer, frame: Frame) -> bool:
        hello = peer.hello
        if (frame.camera, frame.run, frame.live) != (hello.camera, hello.run, hello.live):
            return False
        if peer.received and frame.sequence > peer.received + MAX_SEQUENCE_JUMP:
            return False
        if frame.live:
            return frame.previous < frame.sequence and frame.sequence > peer.received
        return self.desk.queues[topology.FRAMES.name].waiting(frame.camera, frame.run) < RECORDED_WAITING

    def _on_end(self, peer: Peer, end: End, event: Received, now: float) -> None:
        if (end.camera, end.run) != (peer.hello.camera, peer.hello.run) or end.sent > end.captured:
            self.invalid += 1
            return
        if end.captured > end.sent:
            self.desk.notice(end.camera, end.run, end.sent + 1, end.captured, Outcome.OVERTAKEN, now)
        self.desk.tell(Task(end.camera, end.run, 1, 1, end.live, now, encode(end), frame=False), now)
        self.desk.roster.remove(peer)
        self.desk.say(peer.identity, Drained())

    def _tell_seen(self, peer: Peer, captured: int, now: float) -> None:
        camera, run = peer.hello.camera or "", peer.hello.run or 1
        if peer.received and captured > peer.received + MAX_SEQUENCE_JUMP:
            self.invalid += 1
            return
        seen = Seen(camera=camera, run=run, captured=captured, live=peer.hello.live)
        self.desk.tell(Task(camera, run, 1, 1, peer.hello.live, now, encode(seen), frame=False), now)

    # --- workers -----------------------------------------------------------------------------------

    def _close(self, peer: Peer, job: JobId, now: float, seconds: float | None = None) -> OpenJob | None:
        """Take a job out of a worker's hands; None for an answer from another life or to nobody's job.

        `seconds` it took, where that is not the time since it was the worker's turn.
        """
        if job.broker_run != self._broker_run:
            return None
        opened = peer.give(job.number)
        if opened is not None:
            taken = now - peer.progressed if seconds is None else seconds
            self.desk.job_times[peer.hello.service].note(taken)
            peer.progressed = now
        return opened

    def _on_output(self, peer: Peer, output: Output, event: Received, now: float) -> None:
        if (job := self._close(peer, output.job, now)) is None:
            return
        task, inner = job.task, event.message.payload
        task.renew(inner)
        kind = bytes(inner[0])
        if kind == Faces.kind and peer.hello.service == topology.DETECTOR.name:
            self.desk.enqueue(topology.FACES.name, task, now)
        elif kind == Result.kind:
            self.desk.push_result(task, now)
        else:
            self.desk.drop(task, Outcome.INVALID, now)
        self._after_job(peer, now)

    def _on_done(self, peer: Peer, done: Done, event: Received, now: float) -> None:
        seconds = done.busy_ns / 1e9 / len(done.jobs)
        for job in done.jobs:
            if (opened := self._close(peer, job, now, seconds)) and opened.task.frame:
                self.desk.acknowledge(opened.task)
        self._after_job(peer, now)

    def _on_invalid(self, peer: Peer, invalid: Invalid, event: Received, now: float) -> None:
        job = self._close(peer, invalid.job, now)
        if job is not None and job.task.frame and job.task.reason is None:
            self._complain(job.task, invalid.reason)
            self.desk.drop(job.task, Outcome.INVALID, now)
        self._after_job(peer, now)

    def _complain(self, task: Task, reason: str) -> None:
        """Log why a frame can't be used: once, where that goes for one frame of a run after the other."""
        if self._complaints.get(task.camera) != (task.run, reason):
            self._complaints[task.camera] = (task.run, reason)
            logger.warning("%s: frame %d is invalid: %s", task.camera, task.first, reason)

    def _on_feed(self, peer: Peer, feed: Feed, event: Received, now: float) -> None:
        if peer.hello.service in _PUBLISHERS:
            self.desk.actions.append(Announce(feed.topic, event.message.payload[0]))
        else:
            self.invalid += 1

    def _on_drain(self, peer: Peer, drain: Drain, event: Received, now: float) -> None:
        self.desk.roster.drain(peer, now)
        self._after_job(peer, now)

    def _after_job(self, peer: Peer, now: float) -> None:
        if peer.draining is not None and not peer.jobs:
            self.desk.roster.remove(peer)
            self.desk.say(peer.identity, Drained())
        if (queue := topology.SERVICES[peer.hello.service].queue) in self.desk.queues:
            self.desk.dispatch(queue, now)
        else:
            self.desk.dispatch_results(now)

    # --- time --------------------------------------------------------------------------------------

    def _on_tick(self, now: float) -> None:
        if self._last_tick is not None and now - self._last_tick > GAP_SECONDS:
            for peer in self.desk.roster:
                peer.heard = peer.progressed = now
        self._last_tick = now
        for queue in self.desk.queues.values():
            for task in queue.expire(now - self._limits.deadline_seconds):
                self.desk.drop(task, Outcome.STALE, now)
        for peer in self.desk.roster:
            self._judge(peer, now)
        self.desk.dispatch_all(now)

    def _judge(self, peer: Peer, now: float) -> None:
        if now - peer.heard > SILENCE_SECONDS:
            logger.warning("%s has been silent for %.0f s: forgotten", peer.hello.instance, SILENCE_SECONDS)
            self._bury(peer, now)
        elif peer.hello.service == topology.RECORDER.name:
            if peer.draining is not None and now - peer.draining > HANDOVER_SECONDS:
                self._release(peer, now)
                self._after_job(peer, now)
        elif peer.jobs and now - peer.progressed > self._limits.lease_seconds:
            logger.warning("%s has not finished a job within its lease: forgotten", peer.hello.instance)
            self._bury(peer, now)
