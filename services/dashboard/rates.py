"""How many requests an address may make: a token bucket each, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from services.dashboard.lockout import MAX_ADDRESSES, network_of

BURST_SECONDS: Final = 4.0
"""What an idle address may save up: a page that opens asks for much at once."""


class Rates:
    """Counts requests per address.

    Args:
        per_second: what an address may go on making.
        clock: monotonic seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str) -> float:
        """Count a request; return how many seconds too early it comes, 0 for one that may go on."""
        key, now = network_of(address), self._clock()
        full_at = max(self._full_at.pop(key, now), now) + 1 / self._per_second
        early = full_at - now - BURST_SECONDS
        if early > 0:
            full_at -= 1 / self._per_second
        self._full_at[key] = full_at
        while len(self._full_at) > MAX_ADDRESSES:
            self._full_at.popitem(last=False)
        return max(0.0, early)
