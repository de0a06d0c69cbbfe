"""The simulation's clock, and processors that all processes share evenly; no policy, no messages."""

import heapq
from collections import Counter, deque
from collections.abc import Callable
from itertools import count

Action = Callable[[], None]


class Engine:
    """Events in the order of their time, and computations that share the cores.

    While no more compute than there are cores, each runs at full speed; else all are slowed down alike, as an
    even-handed scheduler does. That needs one number, not one a computation: the work that each that has run
    throughout has got so far.

    Args:
        cores: processors there are; need not be whole.
    """

    def __init__(self, cores: float) -> None:
        self.now = 0.0
        self.spent: Counter[str] = Counter()
        """Service → processor seconds, counted when a computation begins."""
        self._cores = cores
        self._numbers = count()
        self._events: list[tuple[float, int, Action]] = []
        self._running: list[tuple[float, int, Action]] = []
        self._work = 0.0

    def at(self, seconds: float, action: Action) -> None:
        """Do something at a time."""
        heapq.heappush(self._events, (seconds, next(self._numbers), action))

    def compute(self, service: str, seconds: float, then: Action) -> None:
        """Use a core for so long, longer if they are shared, and go on then."""
        self.spent[service] += seconds  # type: ignore[assignment]
        heapq.heappush(self._running, (self._work + seconds, next(self._numbers), then))

    def run(self, until: float) -> None:
        """Let time pass up to `until`."""
        while True:
            speed = min(1.0, self._cores / len(self._running)) if self._running else 1.0
            event = self._events[0][0] if self._events else until
            done = self.now + (self._running[0][0] - self._work) / speed if self._running else until
            reached = min(event, done)
            if reached >= until:
                self._work += max(0.0, until - self.now) * speed
                self.now = max(self.now, until)
                return
            if done <= event:
                self._work, _, action = heapq.heappop(self._running)
            else:
                self._work += (event - self.now) * speed
                _, _, action = heapq.heappop(self._events)
            self.now = max(self.now, reached)
            action()


class Process:
    """One process: it computes one thing after the other.

    Args:
        engine: whose cores it uses.
        service: under which its time is counted.
    """

    def __init__(self, engine: Engine, service: str) -> None:
        self._engine, self._service = engine, service
        self._waiting: deque[tuple[float, Action]] = deque()
        self._busy = False

    def do(self, seconds: float, then: Action) -> None:
        """Compute for so long once all before it is done, and go on then."""
        self._waiting.append((seconds, then))
        if not self._busy:
            self._start()

    def _start(self) -> None:
        seconds, then = self._waiting.popleft()
        self._busy = True

        def end() -> None:
            self._busy = False
            then()
            if self._waiting and not self._busy:
                self._start()

        self._engine.compute(self._service, seconds, end)
