"""The broker's queues: fair over cameras, newest wins; and results, in order until a recorder confirms."""

from collections import deque
from collections.abc import Callable
from typing import Final

from services.broker.tasks import Task, ranges
from shared.messages import Outcome
from shared.topology import RECORDED_WINDOW

RECORDED_WAITING: Final = 2 * RECORDED_WINDOW
"""Tasks of a recorded camera: what its source may send, and once more after a HELLO."""
_CREDIT: Final = 4
"""Turns that a camera may have missed, as its next frame was still on the way, and still gets."""


class FairQueue:
    """The camera that had the fewest turns comes first, and among equals the one that waits longest.

    A live camera has at most `live_waiting` tasks, the older is overtaken. A recorded camera's tasks wait as
    long as it takes; only if it is opened again and again, the oldest of an earlier run are overtaken.
    """

    def __init__(self, live_waiting: int) -> None:
        self._live_waiting = live_waiting
        self._cameras: dict[str, deque[Task]] = {}
        self._turns: dict[str, int] = {}
        self._fewest = 0
        self.suspects: deque[Task] = deque()
        """Recorded frames whose worker died; each is tried once more, alone."""

    def __len__(self) -> int:
        return sum(map(len, self._cameras.values())) + len(self.suspects)

    def waiting(self, camera: str, run: int) -> int:
        """Return how many tasks of a camera's run wait."""
        return sum(task.run == run for task in self._cameras.get(camera, ()))

    def push(self, task: Task) -> Task | None:
        """Add a task; return the one that it overtakes."""
        waiting = self._cameras.setdefault(task.camera, deque())
        if not waiting:
            self._turns[task.camera] = max(self._turns.get(task.camera, 0), self._fewest - _CREDIT)
        waiting.append(task)
        if task.live:
            is_over = len(waiting) > self._live_waiting
        else:
            is_over = len(waiting) > RECORDED_WAITING and waiting[0].run != task.run
        return waiting.popleft() if is_over else None

    def pop(self, may_go: Callable[[Task], bool] = lambda task: True) -> Task | None:
        """Take the oldest task of the camera whose turn it is, among those whose oldest task may go."""
        in_turn = sorted(self._cameras, key=self._turns.__getitem__)
        camera = next((name for name in in_turn if may_go(self._cameras[name][0])), None)
        if camera is None:
            return None
        self._fewest = max(self._fewest, self._turns[camera])
        self._turns[camera] += 1
        waiting = self._cameras.pop(camera)
        task = waiting.popleft()
        if waiting:
            self._cameras[camera] = waiting  # at the end: the others come first
        return task

    def expire(self, origin: float) -> list[Task]:
        """Remove and return live tasks captured before that time."""
        stale: list[Task] = []
        for camera, waiting in list(self._cameras.items()):
            while waiting and waiting[0].live and waiting[0].origin < origin:
                stale.append(waiting.popleft())
            if not waiting:
                del self._cameras[camera]
        self._forget_idle()
        return stale

    def _forget_idle(self) -> None:
        """Drop what says no more about a camera than that it may have missed all its turns."""
        for camera in self._turns.keys() - self._cameras.keys():
            if self._turns[camera] <= self._fewest - _CREDIT:
                del self._turns[camera]

    def oldest_origin(self) -> float | None:
        """Return the capture time of the oldest waiting task."""
        heads = [waiting[0].origin for waiting in self._cameras.values()]
        return min(heads, default=None)


class ResultsQueue:
    """Results and notices per camera, in order, within a bound in bytes over all cameras."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._shrink_above = max_bytes
        self._cameras: dict[str, deque[Task]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._cameras.values()))

    def cameras(self) -> list[str]:
        """Return the cameras for which something waits."""
        return list(self._cameras)

    def push(self, task: Task) -> None:
        """Add at the camera's end; neighbouring ranges of one reason become one, Seen replaces Seen."""
        waiting = self._cameras.setdefault(task.camera, deque())
        if waiting and _merge(waiting[-1], task):
            return
        waiting.append(task)
        self.bytes += task.size

    def push_front(self, tasks: list[Task]) -> None:
        """Put back what a recorder held, in its order."""
        for task in reversed(tasks):
            self._cameras.setdefault(task.camera, deque()).appendleft(task)
            self.bytes += task.size

    def pop(self, camera: str) -> Task | None:
        """Take the camera's oldest task."""
        waiting = self._cameras.get(camera)
        if not waiting:
            return None
        task = waiting.popleft()
        self.bytes -= task.size
        if not waiting:
            del self._cameras[camera]
        return task

    def shrink(self, reason: Outcome) -> list[Task]:
        """Bring the queue under its bound: the longest cameras' oldest halves become ranges of that reason.

        Returns the results that were given up.
        """
        given_up: list[Task] = []
        if self.bytes <= self._shrink_above:
            return given_up
        before = self.bytes + 1
        while self._max_bytes < self.bytes < before:
            before = self.bytes
            given_up += self._shrink_longest(reason)
        # What is left and can't be given up is not looked through again at each message.
        self._shrink_above = max(self._max_bytes, self.bytes * 5 // 4)
        return given_up

    def _shrink_longest(self, reason: Outcome) -> list[Task]:
        """Halve one camera after the other, the longest first, until the queue is under its bound."""
        given_up: list[Task] = []
        for camera in sorted(self._cameras, key=lambda name: len(self._cameras[name]), reverse=True):
            if self.bytes > self._max_bytes:
                given_up += self._shrink_camera(camera, reason)
        return given_up

    def _shrink_camera(self, camera: str, reason: Outcome) -> list[Task]:
        waiting = self._cameras[camera]
        head = [waiting.popleft() for _ in range((len(waiting) + 1) // 2)]
        self.bytes -= sum(task.size for task in head)
        for run in sorted({task.run for task in head}, reverse=True):
            self.push_front(_shrunk([task for task in head if task.run == run], reason))
        return [task for task in head if task.frame and task.reason is None]

    def oldest_origin(self) -> float | None:
        """Return the capture time of the oldest waiting task."""
        return min((waiting[0].origin for waiting in self._cameras.values()), default=None)


def _shrunk(tasks: list[Task], reason: Outcome) -> list[Task]:
    """Return what is still to be said of one run: ranges of its frames, then its newest Seen and its End.

    Ranges come first: the recorder refuses a notice that is far beyond all that it has heard of.
    """
    one = tasks[0]
    newest = {bytes(task.parts[0]): task for task in tasks if not task.frame}
    spans = ranges((task.first, task.last) for task in tasks if task.frame)
    gone = [Task(one.camera, one.run, *span, one.live, one.origin, reason=reason) for span in spans]
    return [*gone, *newest.values()]


def _merge(last: Task, new: Task) -> bool:
    if last.run != new.run:
        return False
    if last.reason is not None and last.reason is new.reason and last.last + 1 == new.first:
        last.last = new.last
        return True
    if not last.frame and not new.frame and last.parts[0] == new.parts[0]:
        last.parts = new.parts
        return True
    return False
