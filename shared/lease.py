"""A right that one process at a time holds, for as long as it says so again; over a Redis client."""

from typing import Any, Final

_HOLD: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


def hold(client: Any, key: str, holder: str, seconds: float) -> bool:
    """Take the right, or go on holding it, for so long; False while another has it."""
    return bool(client.eval(_HOLD, 1, key, holder, int(seconds * 1000)))


def release(client: Any, key: str, holder: str) -> None:
    """Give the right back at once, if this holder has it."""
    client.eval(_RELEASE, 1, key, holder)
