"""What was dropped lately: Redis keeps totals, so two looks at them are compared."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from shared.balance import Ledger

WINDOW_SECONDS: Final = 60.0


class RecentDrops(Struct, frozen=True, kw_only=True):
    """Captured and dropped frames of the last seconds; all zero at the first look."""

    seconds: float = 0.0
    captured: int = 0
    dropped: dict[str, int] = {}
    """Outcome → frames, as in `mien_frames_total`; only those that occurred."""

    def share(self, *outcomes: str) -> float:
        """Return the share of the captured frames that ended under one of these outcomes, 0 to 1."""
        return sum(self.dropped.get(outcome, 0) for outcome in outcomes) / max(1, self.captured)


class DropsWatch:
    """Remembers the ledgers of the last minute."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Mapping[str, Ledger]]] = deque()

    def look(self, ledgers: Mapping[str, Ledger], now: float) -> RecentDrops:
        """Return what has changed since the oldest look of the last minute.

        Args:
            ledgers: camera → its totals now; a camera that was not there before counts from now on.
            now: monotonic seconds.
        """
        while len(self._looks) > 1 and now - self._looks[0][0] > WINDOW_SECONDS:
            self._looks.popleft()
        if self._looks and now - self._looks[0][0] > 2 * WINDOW_SECONDS:
            self._looks.clear()
        self._looks.append((now, dict(ledgers)))
        began, before = self._looks[0]
        captured, dropped = 0, Counter[str]()
        for camera in ledgers.keys() & before.keys():
            captured += max(0, ledgers[camera].captured - before[camera].captured)
            for outcome, frames in ledgers[camera].dropped.items():
                dropped[outcome] += max(0, frames - before[camera].dropped.get(outcome, 0))
        return RecentDrops(seconds=round(now - began, 1), captured=captured, dropped=dict(+dropped))
