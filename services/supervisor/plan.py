"""What to start, stop and kill next, from what is wanted, what ended, and the time; no processes here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

RESTART_SECONDS: Final = 0.2
RESTART_MAX_SECONDS: Final = 10.0
GOOD_RUN_SECONDS: Final = 30.0
"""A process that ran so long before it ended is started again without delay having built up."""
DRAIN_SECONDS: Final = 5.0
"""How long a worker that is no longer wanted may take to finish what it holds."""


class State(StrEnum):
    """Where an instance stands."""

    RUNNING = "running"
    WAITING = "waiting"
    STOPPING = "stopping"


@dataclass
class Slot:
    """One row of the process table. Times are monotonic seconds.

    Attributes:
        due: when to start (waiting) or to kill (stopping).
        delay_seconds: how long the next restart will be put off.
        restarts: how often it ended without being asked to.
    """

    service: str
    number: int
    state: State
    since: float
    due: float
    delay_seconds: float = RESTART_SECONDS
    restarts: int = 0
    killed: bool = False

    @property
    def instance(self) -> str:
        """Its name, such as `detector-1`."""
        return instance_name(self.service, self.number)


class Start(NamedTuple):
    """Start this instance."""

    service: str
    instance: str


class Terminate(NamedTuple):
    """Ask this instance to end."""

    instance: str


class Kill(NamedTuple):
    """End this instance now: it was asked and did not."""

    instance: str


Action = Start | Terminate | Kill


class Stage(NamedTuple):
    """One step of stopping everything: a service, and how long after the order to stop it must be gone."""

    service: str
    by_seconds: float


def instance_name(service: str, number: int) -> str:
    """Return the name of the n-th process of a service."""
    return f"{service}-{number}"


class Plan:
    """The process table and its policy.

    Args:
        stages: services in the order in which they stop; a stage's unused time is left to the next one.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.slots: dict[str, Slot] = {}
        self._stages = stages
        self._wanted: dict[str, int] = {}
        self._stopping_since: float | None = None

    @property
    def over(self) -> bool:
        """True when everything was to stop and has."""
        return self._stopping_since is not None and not self.slots

    def want(self, service: str, count: int) -> None:
        """Say how many processes of a service there should be."""
        self._wanted[service] = count

    def stop(self, now: float) -> None:
        """Begin to stop everything, stage by stage; nothing starts any more."""
        if self._stopping_since is None:
            self._stopping_since = now
        for slot in self._in_state(State.WAITING):
            del self.slots[slot.instance]

    def tick(self, now: float) -> list[Action]:
        """Return what to do now; each action is given once and counts as done."""
        if self._stopping_since is not None:
            return self._stop_stage(now, self._stopping_since)
        self._fill(now)
        return [*self._excess(now), *self._starts(now), *self._overdue(now)]

    def exited(self, instance: str, now: float) -> bool:
        """Take note that a process has ended; True if nobody had asked it to."""
        slot = self.slots[instance]
        if slot.state is State.STOPPING or self._stopping_since is not None:
            del self.slots[instance]
            return False
        if now - slot.since >= GOOD_RUN_SECONDS:
            slot.delay_seconds = RESTART_SECONDS
        slot.state, slot.since, slot.due = State.WAITING, now, now + slot.delay_seconds
        slot.delay_seconds = min(2 * slot.delay_seconds, RESTART_MAX_SECONDS)
        slot.restarts += 1
        return True

    def _fill(self, now: float) -> None:
        for service, count in self._wanted.items():
            for number in range(1, count + 1):
                if instance_name(service, number) not in self.slots:
                    slot = Slot(service, number, State.WAITING, since=now, due=now)
                    self.slots[slot.instance] = slot

    def _excess(self, now: float) -> Iterable[Action]:
        excess = [slot for slot in self.slots.values() if slot.number > self._wanted.get(slot.service, 0)]
        for slot in excess:
            if slot.state is State.WAITING:
                del self.slots[slot.instance]
            elif slot.state is State.RUNNING:
                yield self._terminate(slot, now, now + DRAIN_SECONDS)

    def _starts(self, now: float) -> Iterable[Action]:
        for slot in self._in_state(State.WAITING):
            if slot.due <= now:
                slot.state, slot.since = State.RUNNING, now
                yield Start(slot.service, slot.instance)

    def _overdue(self, now: float) -> Iterable[Action]:
        for slot in self._in_state(State.STOPPING):
            if slot.due <= now and not slot.killed:
                slot.killed = True
                yield Kill(slot.instance)

    def _terminate(self, slot: Slot, now: float, kill_at: float) -> Terminate:
        slot.state, slot.since, slot.due = State.STOPPING, now, kill_at
        return Terminate(slot.instance)

    def _stop_stage(self, now: float, began: float) -> list[Action]:
        """Work on the first stage that still has processes."""
        for stage in self._stages:
            slots = [slot for slot in self.slots.values() if slot.service == stage.service]
            if slots:
                kill_at = began + stage.by_seconds
                asked = [self._terminate(slot, now, kill_at) for slot in slots if slot.state is State.RUNNING]
                for slot in slots:
                    slot.due = min(slot.due, kill_at)
                return [*asked, *self._overdue(now)]
        return []

    def _in_state(self, state: State) -> list[Slot]:
        return [slot for slot in self.slots.values() if slot.state is state]
