"""Which captured frame may be sent when: a source's numbers, window and resends; no sockets, no clock."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Outgoing(NamedTuple, Generic[T]):
    """A frame that may be sent now.

    Attributes:
        sequence: 1 for the first captured frame of the run.
        previous: sequence of the frame sent before (0: none); those between were overtaken.
        item: as given to `add`.
    """

    sequence: int
    previous: int
    item: T


class Window(Generic[T]):
    """Frames of one run on their way to the broker.

    A live source keeps one waiting frame, the newest; a frame that was replaced, or sent to a broker that
    is gone, is not sent again. A recorded source keeps every frame until it is acknowledged, and sends
    unacknowledged ones again, in order, after each `reset`.

    Args:
        size: frames that may be sent and not acknowledged.
        live: time does not wait for this source.
    """

    def __init__(self, size: int, live: bool) -> None:
        self.captured = 0
        """Highest sequence number given."""
        self.sent = 0
        """Highest sequence number sent."""
        self.sends = 0
        """Frames sent, each time counted."""
        self._size, self._live = size, live
        self._waiting: deque[tuple[int, T]] = deque()
        self._open: dict[int, T | None] = {}

    @property
    def has_room(self) -> bool:
        """Whether another frame may be captured: always for a live source."""
        return self._live or self.unfinished < self._size

    @property
    def is_full(self) -> bool:
        """Whether a live source's frame could not be sent now: all its window is unacknowledged."""
        return self._live and len(self._open) >= self._size

    @property
    def has_waiting(self) -> bool:
        """Whether a frame waits to be sent."""
        return bool(self._waiting)

    @property
    def unfinished(self) -> int:
        """Frames that wait or are unacknowledged."""
        return len(self._waiting) + len(self._open)

    def add(self, item: T) -> int:
        """Number a captured frame and let it wait; a live source's waiting frame is overtaken by it."""
        self.captured += 1
        if self._live:
            self._waiting.clear()
        self._waiting.append((self.captured, item))
        return self.captured

    def skip(self) -> None:
        """Number a frame of a live source that could not go when it was due: it is overtaken."""
        self.captured += 1

    def next(self) -> Outgoing[T] | None:
        """Return the frame to send now, None if nothing waits or the window is full."""
        if not self._waiting or len(self._open) >= self._size:
            return None
        sequence, item = self._waiting[0]
        return Outgoing(sequence, self.sent if self._live else sequence - 1, item)

    def mark_sent(self) -> None:
        """Note that what `next` returned has been sent."""
        sequence, item = self._waiting.popleft()
        self._open[sequence] = None if self._live else item
        self.sent = max(self.sent, sequence)
        self.sends += 1

    def acknowledge(self, sequences: Iterable[int]) -> None:
        """Open the window by these frames; unknown ones (of before a reset) are ignored."""
        for sequence in sequences:
            self._open.pop(sequence, None)

    def reset(self) -> None:
        """Start afresh with a broker that has just welcomed this source."""
        again = sorted((sequence, item) for sequence, item in self._open.items() if item is not None)
        self._open.clear()
        self._waiting.extendleft(reversed(again))
