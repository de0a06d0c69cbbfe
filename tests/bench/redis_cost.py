"""What results cost in Redis: bytes a result and a minute of counts, microseconds a frame.

Run `python -m tests.bench.redis_cost [--faces 1] [--frames 10000]`.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from services.recorder.service import RecorderService
from shared import keys
from shared.config import Settings
from shared.emotions import EMOTIONS
from shared.messages import JobId, Message, Reading, Result
from shared.store import Advance, Store
from shared.work import Work, Write
from tests.valkey import start_valkey

FPS = 15
RUN = 1_700_000_000_000


def results(frames: int, faces: int) -> Iterator[Result]:
    """Give frames of one camera, with faces that move a little and read as this or that."""
    noise = random.Random(1)
    start = time.time_ns() - frames * 1_000_000_000 // FPS
    for sequence in range(1, frames + 1):
        yield Result(
            camera="door", run=RUN, sequence=sequence, live=True, width=640, height=480,
            captured_ns=start + sequence * 1_000_000_000 // FPS,
            detector="yunet-onnx-640", model="ab12cd34ef56",
            backend="litert", labels=EMOTIONS, faces=tuple(face(noise, number) for number in range(faces)),
            ages=dict.fromkeys(("capture", "frames_queue", "detect", "faces_queue", "classify"), 12_345_678),
        )  # fmt: skip


def face(noise: random.Random, number: int) -> Reading:
    """Return a face with random probabilities."""
    weights = [noise.random() ** 4 for _ in EMOTIONS]
    shares = tuple(weight / sum(weights) for weight in weights)
    box = (100.0 * number + noise.random(), 80 + noise.random(), 80 + noise.random(), 100 + noise.random())
    return Reading(
        box=box, score=0.91, landmarks=tuple(noise.random() * 500 for _ in range(10)),  # type: ignore[arg-type]
        emotion=EMOTIONS[shares.index(max(shares))], certain=max(shares) > 0.4, probabilities=shares,
    )  # fmt: skip


def measure(frames: int, faces: int, store: Store, client: "redis.Redis") -> dict[str, Any]:
    """Record frames and return what they cost."""
    service = RecorderService(Settings(), store.cursor, time.time_ns)
    works = [
        Work(JobId(1, result.sequence), Message(result), frozenset(), 0) for result in results(frames, faces)
    ]
    started = time.process_time()
    entries: list[Advance] = [
        out.entry for work in works for out in service.step([work], 0.0) if isinstance(out, Write)
    ]
    step_us = (time.process_time() - started) / frames * 1e6
    started, wall = time.process_time(), time.perf_counter()
    for first in range(0, frames, 16):
        store.apply(entries[first : first + 16])
    apply_us = (time.process_time() - started) / frames * 1e6
    wall_us = (time.perf_counter() - wall) / frames * 1e6
    stats: Any = client.info("commandstats")
    hours: Any = client.keys("mien:{door}:hour:*")
    stored = sum(int(client.memory_usage(key, samples=0) or 0) for key in hours)
    minutes = sum(len({field.split(b":")[0] for field in client.hkeys(key)}) for key in hours)  # type: ignore[union-attr]
    return {
        "result_json_bytes": len(entries[-1].result.json) if entries[-1].result else 0,
        "stream_bytes_per_result": int(client.memory_usage(keys.results("door"), samples=0) or 0) // frames,
        "count_bytes_per_minute": stored // minutes,
        "step_cpu_us": round(step_us, 1),
        "apply_client_cpu_us": round(apply_us, 1),
        "apply_wall_us": round(wall_us, 1),
        "script_us": stats["cmdstat_evalsha"]["usec_per_call"],
    }


def main() -> None:
    """Print the costs, and what they come to an hour and a month of one camera."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1)
    parser.add_argument("--frames", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, start_valkey(Path(folder)) as url:
        store = Store(Settings(redis={"url": url}).redis, Path(folder))
        with redis.Redis.from_url(url) as client:
            costs = measure(arguments.frames, arguments.faces, store, client)
    costs["full_results_mb_per_hour"] = round(costs["stream_bytes_per_result"] * FPS * 3600 / 1e6, 1)
    costs["counts_mb_per_30_days"] = round(costs["count_bytes_per_minute"] * 60 * 24 * 30 / 1e6, 1)
    for name, value in costs.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
