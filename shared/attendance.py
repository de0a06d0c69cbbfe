"""Who was there lately: an index of names by their last sign of life, on Redis' own clock."""

from collections.abc import Iterable
from typing import Any, Final

# Hosts' clocks disagree: one that is ahead would strike out all others.
_LIST: Final = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now_ms, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now_ms - ARGV[1])
"""


def note(client: Any, index: str, names: Iterable[str], keep_seconds: float) -> None:
    """List names as there now, and strike out who was not listed for so long."""
    client.eval(_LIST, 1, index, int(keep_seconds * 1000), *names)
