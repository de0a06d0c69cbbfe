"""What Redis says of itself, and how old the newest frames were at each stage; the store's own part."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from shared import keys


class ServerFigures(Struct, frozen=True, kw_only=True):
    """A Redis server's own account."""

    product: str
    """`redis` or `valkey`."""
    version: str
    used_bytes: int
    limit_bytes: int
    """`maxmemory`; 0: none."""
    policy: str
    """`maxmemory-policy`: what it does when it is full; `noeviction` is right."""
    clients: int
    keys: int
    up_seconds: int


class Books(Struct, frozen=True):
    """How a camera's ledger stands."""

    in_flight: int
    """Frames captured and not accounted for yet."""
    imbalance: int
    """Frames that neither an outcome nor a hole nor the cursor speaks of; 0 is right (see docs/redis.md)."""


class FrameAges(Struct, frozen=True):
    """The part of a result's JSON that tells its road."""

    captured_ns: int
    ages_ms: dict[str, float]
    """Stage → the frame's age when that stage ended."""


_decode_ages = msgspec.json.Decoder(FrameAges).decode


def read_server(client: Any) -> ServerFigures:
    """Ask the server; the client's errors pass through."""
    info = client.info()
    valkey = "valkey_version" in info
    return ServerFigures(
        product="valkey" if valkey else "redis",
        version=str(info["valkey_version" if valkey else "redis_version"]),
        used_bytes=int(info["used_memory"]),
        limit_bytes=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "")),
        clients=int(info["connected_clients"]),
        keys=int(client.dbsize()),
        up_seconds=int(info["uptime_in_seconds"]),
    )


def read_books(client: Any, camera: str) -> Books:
    """Return how the ledger stands at one moment; errors pass through."""
    with client.pipeline(transaction=True) as pipe:
        pipe.hgetall(keys.ledger(camera))
        pipe.hmget(keys.cursor(camera), "captured", "sequence")
        pipe.hlen(keys.holes(camera))
        stored, (captured, sequence), holes = pipe.execute()
    counts = {name: int(count) for name, count in stored.items()}
    in_flight = counts.pop(b"captured", 0) - sum(counts.values())
    return Books(in_flight, in_flight - holes - (int(captured or 0) - int(sequence or 0)))


def read_ages(client: Any, cameras: Iterable[str], count: int) -> list[FrameAges]:
    """Return the ages of each camera's newest results, at most `count` of each; errors pass through."""
    with client.pipeline(transaction=False) as pipe:
        for camera in cameras:
            pipe.xrevrange(keys.results(camera), count=count)
        pages = pipe.execute()
    return [_decode_ages(fields[b"json"]) for page in pages for _, fields in page]
