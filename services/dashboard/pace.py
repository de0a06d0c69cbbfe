"""How many pictures may be under way to one browser: as many as it takes within a moment, and no more."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

FEWEST: Final = 2
"""Pictures under way that any browser is granted."""
MOST: Final = 128
FIRST: Final = 8
SLOW_SECONDS: Final = 0.15
"""A picture taken so much later than the quickest one has waited behind others."""
_FADE: Final = 1.0005
"""By this the quickest time grows with each answer: a browser may move to a slower network."""


class Pace:
    """Follows what a browser says it has taken, so that pictures wait here, where newer ones replace them.

    Between server and page lie buffers of megabytes: a page that draws slowly would show pictures that are
    seconds old, in order and complete. The limit grows while pictures are taken promptly and shrinks when
    they are not. A browser that never says what it takes is not limited.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: deque[float] = deque()
        self._taken = 0
        self._answers = False
        self._limit = float(FIRST)
        self._quickest = float("inf")

    @property
    def may_send(self) -> bool:
        """Whether one more picture may go."""
        return not self._answers or len(self._under_way) < int(self._limit)

    def sent(self) -> None:
        """Note that a picture goes."""
        self._under_way.append(self._clock())
        if not self._answers and len(self._under_way) > MOST:
            self._under_way.popleft()
            self._taken += 1

    def taken(self, pictures: int) -> None:
        """Note how many pictures the browser has taken since it came; what is impossible changes nothing."""
        self._answers = True
        news = pictures - self._taken
        if not 0 < news <= len(self._under_way):
            return
        for _ in range(news - 1):
            self._under_way.popleft()
        seconds = self._clock() - self._under_way.popleft()
        self._taken = pictures
        self._quickest = min(self._quickest * _FADE, seconds)
        if seconds > self._quickest + SLOW_SECONDS:
            self._limit = max(FEWEST, self._limit * 0.7)
        else:
            self._limit = min(MOST, self._limit + 1 / self._limit)
