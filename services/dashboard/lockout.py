"""Repeated wrong tokens from one address: each makes the next wait longer."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FREE_FAILURES: Final = 5
FIRST_SECONDS: Final = 30.0
MOST_SECONDS: Final = 900.0
FORGET_SECONDS: Final = 3600.0
MAX_ADDRESSES: Final = 10_000


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or an IPv6 network of 64 bits, as one party has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


@dataclass
class _Failures:
    count: int
    last: float
    locked_until: float


class Lockout:
    """Counts failures per address, in memory bounded to `MAX_ADDRESSES` of them.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def retry_seconds(self, address: str) -> float:
        """Return how long the address must wait before it may try; 0: not at all."""
        failures = self._failures.get(network_of(address))
        return max(0.0, failures.locked_until - self._clock()) if failures else 0.0

    def fail(self, address: str) -> None:
        """Count a failure; from the fifth on the address must wait, twice as long each time."""
        key, now = network_of(address), self._clock()
        failures = self._failures.pop(key, None)
        if failures is None or now - failures.last > FORGET_SECONDS:
            failures = _Failures(0, now, 0.0)
        failures.count, failures.last = failures.count + 1, now
        beyond = failures.count - FREE_FAILURES
        if beyond >= 0:
            failures.locked_until = now + min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(beyond, 10))
        self._failures[key] = failures
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def succeed(self, address: str) -> None:
        """Forget the address's failures."""
        self._failures.pop(network_of(address), None)
