"""What waits in the broker: one message on the road of a frame, and how it is accounted for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.messages import Outcome, Part

_OBJECT_BYTES: Final = 500
"""What a task takes beside its parts, roughly."""


@dataclass(slots=True, eq=False)
class Task:
    """One waiting or open message.

    Attributes:
        camera: whose frame.
        run: of the camera.
        first: sequence of the frame; for a range of dropped frames its first one.
        last: same as `first` but for a range.
        live: whether time waits for it.
        origin: monotonic time of capture, on the broker's clock.
        parts: the inner message's parts (for a Gone made when it is sent, empty).
        reason: for a range of dropped frames, why.
        deaths: workers that ended while they held it.
        frame: whether it stands for frames (not Seen or End).
        acknowledged: its source was told that it no longer counts against the window.
    """

    camera: str
    run: int
    first: int
    last: int
    live: bool
    origin: float
    parts: Sequence[Part] = ()
    reason: Outcome | None = None
    deaths: int = 0
    frame: bool = True
    acknowledged: bool = False
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.renew(self.parts)

    def renew(self, parts: Sequence[Part]) -> None:
        """Hold the next stage's message; workers that died over the last one count no more."""
        self.parts, self.deaths = parts, 0
        self.size = _OBJECT_BYTES + sum(len(part) for part in parts)


def ranges(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the runs of consecutive numbers in these spans, each (first, last), ascending."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
