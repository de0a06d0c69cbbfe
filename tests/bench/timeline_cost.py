"""What a look at the timeline costs the dashboard: the first `GET /api/timeline`, and later ones.

Run `python -m tests.bench.timeline_cost [--cameras 16] [--from 1d] [--zones 1]`.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from fastapi.testclient import TestClient

from services.dashboard.app import create_app
from shared import keys
from shared.config import CameraSettings, Settings
from shared.emotions import EMOTIONS, UNCERTAIN
from shared.store import Store
from tests.fake_stack import SceneFeed
from tests.valkey import start_valkey

HOURS = 26
"""As many are counted before now as a day can touch, and one more."""
LOOKS = 5


def minute(noise: random.Random, number: int, zones: int) -> Iterator[tuple[str, float]]:
    """Give the fields of one minute, as the recorder counts them where somebody always is."""
    labels = (*EMOTIONS, UNCERTAIN)
    weights = [noise.random() ** 4 for _ in labels]
    seconds = {
        label: round(60 * weight / sum(weights), 3) for label, weight in zip(labels, weights, strict=True)
    }
    yield from (("frames", 900), ("faces", 900), ("arrived", noise.randrange(3)), ("stayed", 1))
    for label, value in seconds.items():
        yield "uncertain" if label == UNCERTAIN else f"emotion:{label}", int(value * 15)
        yield f"seconds:{label}", value
    for bound in (30, 50, 75, 100, 150):
        yield f"latency:{bound}", noise.randrange(1, 400)
    for zone in range(zones):
        yield f"zone:zone-{zone}:faces", 300
        yield f"zone:zone-{zone}:stayed", 1
        yield from ((f"zone:zone-{zone}:seconds:{label}", seconds[label]) for label in labels[:4])


def fill(client: "redis.Redis", cameras: int, zones: int) -> None:
    """Count a day of each camera."""
    noise, this_hour = random.Random(1), int(time.time()) // 3600
    for camera in range(cameras):
        with client.pipeline(transaction=False) as pipe:
            for hour in range(this_hour - HOURS, this_hour + 1):
                counts = {
                    f"{number}:{name}": value
                    for number in range(60)
                    for name, value in minute(noise, number, zones)
                }
                pipe.hset(keys.hour(f"cam{camera:02}", hour), mapping=counts)  # type: ignore[arg-type]
            pipe.execute()


def look(client: TestClient, since: str) -> tuple[float, float]:
    """Return processor time and time of one look, in ms."""
    cpu, wall = time.process_time(), time.perf_counter()
    answer = client.get(f"/api/timeline?from={since}")
    taken = (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000
    assert all(part["buckets"] for part in answer.json()["cameras"])
    return taken


def main() -> None:
    """Print what looks cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--from", dest="since", default="1d")
    parser.add_argument("--zones", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, start_valkey(Path(folder)) as url:
        settings = Settings(redis={"url": url})
        store = Store(settings.redis, Path(folder))
        for camera in range(arguments.cameras):
            store.put_camera(f"cam{camera:02}", CameraSettings(source="bench"))
        with redis.Redis.from_url(url) as client:
            fill(client, arguments.cameras, arguments.zones)
        with TestClient(create_app(store, SceneFeed, settings), base_url="http://localhost") as client:
            (first_cpu, first_wall), *later = (look(client, arguments.since) for _ in range(LOOKS + 1))
    print(f"first look: {first_cpu:.0f} ms of processor time, done after {first_wall:.0f} ms")
    cpu, wall = (statistics.median(times) for times in zip(*later, strict=True))
    print(f"each later one: {cpu:.0f} ms of processor time, done after {wall:.0f} ms")


if __name__ == "__main__":
    main()
