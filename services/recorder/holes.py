"""Frames that were skipped and whose fate is open, as the ledger in Redis keeps them, and their time."""

from collections.abc import Iterable, Iterator
from typing import Final

from shared.messages import Outcome
from shared.records import Span

MAX_HOLES: Final = 10_000
"""As in shared/advance.lua, which gives up what is beyond."""


class Holes:
    """Holes of one camera by (run, sequence). Times are seconds on any clock that does not jump."""

    def __init__(self) -> None:
        self._expires: dict[tuple[int, int], float] = {}

    def __len__(self) -> int:
        return len(self._expires)

    def adopt(self, holes: Iterable[tuple[int, int]], expires: float) -> None:
        """Add those that are not known yet."""
        for hole in holes:
            self._expires.setdefault(hole, expires)

    def open(self, run: int, first: int, last: int, expires: float) -> None:
        """Add `first` to `last`; of very many, the newest."""
        first = max(first, last + 1 - MAX_HOLES)
        self._expires.update({(run, number): expires for number in range(first, last + 1)})

    def close(self, run: int, first: int, last: int) -> None:
        """Remove those that are among `first` to `last`."""
        if last - first < len(self):
            for number in range(first, last + 1):
                self._expires.pop((run, number), None)
        elif self._expires:
            among = [hole for hole in self._expires if hole[0] == run and first <= hole[1] <= last]
            for hole in among:
                del self._expires[hole]

    def has_any_of(self, run: int) -> bool:
        """Say whether a run has holes."""
        return any(hole[0] == run for hole in self._expires)

    def expired(self, now: float) -> Iterator[tuple[int, Span]]:
        """Remove and give, neighbours joined, those whose time is over: they are lost."""
        over = sorted(hole for hole, expires in self._expires.items() if expires <= now)
        start = 0
        for index, (run, number) in enumerate(over):
            del self._expires[run, number]
            if index + 1 == len(over) or over[index + 1] != (run, number + 1):
                yield run, Span(over[start][1], number, Outcome.LOST)
                start = index + 1
