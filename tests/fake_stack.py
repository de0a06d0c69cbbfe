"""A stack without processes for the dashboard's tests: a store in memory, and feeds of a moving scene."""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import msgspec
import numpy as np

from shared.config import CameraSettings
from shared.emotions import EMOTIONS
from shared.errors import StoreError
from shared.records import CameraState, Change, Health, TimedFrame, Wanted, WantedCamera
from shared.store_figures import FrameAges, ServerFigures
from shared.timestamp import timestamp

RUN = 1_700_000_000_000


class FakeLogins:
    """What the dashboard needs of `LoginStore`."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.noted: list[tuple[str, float]] = []
        self._check = check

    def end(self, session: str, expires_at: float, longest_seconds: float) -> None:
        self._check()
        self.noted.append((session, expires_at))

    def ended(self, after: str) -> tuple[dict[str, float], str]:
        self._check()
        return dict(self.noted[0 if after == "-" else int(after) :]), str(len(self.noted))


class FakeStore:
    """What the dashboard needs of `Store`; `away = True` makes each call fail as without Redis."""

    def __init__(self, *cameras: str) -> None:
        self.away = False
        self.logins = FakeLogins(self._check)
        self.blur = True
        self.asked: dict[str, Any] = {}
        self.audit: list[dict[str, Any]] = []
        self.processes = list(default_processes())
        self.recorded: dict[str, list[dict[str, Any]]] = {}
        self.counted: dict[str, list[dict[str, Any]]] = {}
        self.states: dict[str, CameraState] = {}
        self.ledgers: dict[str, dict[str, int]] = {}
        self.latency = {"75": 60, "100": 30, "150": 9, "200": 1}
        """Of the newest minute."""
        self.used_bytes = 96 * 2**20
        self.ages_ms: dict[str, float] = {
            "capture": 2, "frames_queue": 5, "detect": 25, "faces_queue": 26, "classify": 38,
            "results_queue": 39, "record": 42,
        }  # fmt: skip
        self._wanted: dict[str, WantedCamera] = {}
        for name in cameras:
            self.put_camera(name, CameraSettings(source=f"{name}.mp4"))
            self.set_state(name, "live")

    def put_camera(self, name: str, settings: CameraSettings, origin: Any = "user") -> None:
        self._check()
        self._wanted[name] = WantedCamera(settings=settings, origin=origin)

    def remove_camera(self, name: str) -> bool:
        self._check()
        return self._wanted.pop(name, None) is not None

    def wanted_cameras(self) -> dict[str, WantedCamera]:
        self._check()
        return dict(self._wanted)

    def cameras(self) -> dict[str, CameraSettings]:
        return {name: wanted.settings for name, wanted in self.wanted_cameras().items()}

    def wanted(self) -> Wanted:
        self._check()
        return Wanted(**{"blur": self.blur, **self.asked})

    def set_wanted(self, **changes: Any) -> None:
        self._check()
        self.asked |= changes
        self.asked = {name: value for name, value in self.asked.items() if value is not None}

    def set_state(self, camera: str, state: Any, detail: str = "") -> None:
        self.states[camera] = CameraState(
            camera=camera, state=state, since_ns=time.time_ns() - 90_000_000_000, detail=detail, fps=15.0,
            width=640, height=360,
        )  # fmt: skip

    def camera_states(self) -> dict[str, CameraState]:
        self._check()
        return dict(self.states)

    def health(self) -> list[Health]:
        self._check()
        return list(self.processes)

    def ledger(self, camera: str) -> dict[str, int]:
        self._check()
        return self.ledgers.get(camera, {"captured": 0, "in_flight": 0})

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        self._check()
        if camera in self.counted:
            return [row for row in self.counted[camera] if since_minute <= row["minute"] < until_minute]
        minute = min(until_minute - 1, time.time_ns() // 60_000_000_000)
        counts = {"frames": sum(self.latency.values()), "faces": 150, "latency": self.latency}
        return [minute_row(minute, **counts)] if minute >= since_minute else []

    def has_minutes(self, camera: str, unix_hour: int) -> bool:
        return bool(self.minutes(camera, unix_hour * 60, unix_hour * 60 + 60))

    def newest_ages(self, cameras: Sequence[str], count: int) -> list[FrameAges]:
        self._check()
        now = time.time_ns()
        return [FrameAges(now - age * 10**9, self.ages_ms) for age in range(3) for _ in cameras]

    def server(self) -> ServerFigures:
        self._check()
        return ServerFigures(
            product="valkey", version="8.1.1", used_bytes=self.used_bytes, limit_bytes=512 * 2**20,
            policy="noeviction", clients=9, keys=140, up_seconds=7200,
        )  # fmt: skip

    def hours(self, camera: str, since_hour: int, until_hour: int) -> list[dict[str, Any]]:
        self._check()
        hours: dict[int, dict[str, Any]] = {}
        for row in self.counted.get(camera, []):
            number = row["minute"] // 60
            hour = hours.setdefault(number, {**minute_row(0), "hour": number, "frames": 0, "seconds": {}})
            hour |= {name: hour[name] + row[name] for name in ("frames", "faces", "arrived")}
            hour["seconds"] = dict(Counter(hour["seconds"]) + Counter(row["seconds"]))
        return [hours[number] for number in sorted(hours) if since_hour <= number < until_hour]

    def first_hour(self, camera: str, since_hour: int, until_hour: int) -> int | None:
        rows = self.hours(camera, since_hour, until_hour)
        return rows[0]["hour"] if rows else None

    def timed_frames(self, camera: str, since_ns: int, until_ns: int) -> Iterator[TimedFrame]:
        for row in self.results(camera, since_ns, until_ns):
            yield msgspec.convert(row, TimedFrame)

    def latest(self, camera: str) -> dict[str, Any] | None:
        self._check()
        recorded = self.recorded.get(camera)
        return recorded[-1] if recorded else None

    def results(
        self, camera: str, since_ns: int = 0, until_ns: int | None = None, **page: Any
    ) -> Iterator[dict[str, Any]]:
        self._check()
        end = until_ns or 2**63
        rows = [row for row in self.recorded.get(camera, []) if since_ns <= row["captured_ns"] < end]
        after = page.get("after")
        rows = rows[[row["id"] for row in rows].index(after) + 1 :] if after else rows
        yield from rows[: page.get("limit")]

    def record_change(self, change: Change) -> None:
        self._check()
        number = len(self.audit) + 1
        self.audit.append({"id": f"{number}-0", "at_ms": number, **msgspec.structs.asdict(change)})

    def changes(self, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        self._check()
        older = [row for row in self.audit if before is None or row["at_ms"] < int(before.split("-")[0])]
        return older[::-1][:limit]

    def _check(self) -> None:
        if self.away:
            raise StoreError("Redis at redis.sock does not answer; start it, or correct redis.url")


def minute_row(minute: int, **counts: Any) -> dict[str, Any]:
    """Return what `Store.minutes` says of one minute."""
    empty = {"faces": 0, "arrived": 0, "stayed": 0, "seconds": {}, "zones": {}}
    return {"minute": minute, "frames": 900, "uncertain": 0, "emotions": {}, "latency": {}, **empty, **counts}


def process(service: str, number: int = 1, **facts: Any) -> Health:
    """Return the sign of life of one process."""
    return Health(
        service=service, instance=f"{service}-{number}", host="box", pid=100 + number,
        started_ns=time.time_ns(), metrics_port=9100 + number, state="working", facts=facts,
    )  # fmt: skip


def default_processes() -> Iterator[Health]:
    """Give one process of each service, two classifiers."""
    work: dict[str, Any] = {"jobs_per_second": 29.8, "busy": 0.42, "seconds_per_job": 0.0141}
    queues = {"frames": {"depth": 1, "oldest_seconds": 0.012, "arrivals_per_second": 30.0}}
    yield process("broker", queues=queues, demand={"detector": 0.42, "classifier": 0.21}, peers=6)
    yield process("capture")
    yield process("detector", **work, detector="yunet-onnx-640")
    for number in (1, 2):
        yield process("classifier", number, **work, model="0123456789ab", backend="litert", provisional=1)
    yield process("recorder", **work)


def face(
    box: tuple[float, float, float, float], emotion: str = "happy", share: float = 0.82
) -> dict[str, Any]:
    """Return one face as it lies in a result's JSON."""
    rest = (1 - share) / (len(EMOTIONS) - 1)
    shares = {label: share if label == emotion else rest for label in EMOTIONS}
    return {
        "track": 1, "box": list(box), "score": 0.9, "landmarks": [0.0] * 10, "emotion": emotion,
        "certain": share > 0.5, "confidence": share, "probabilities": shares, "smoothed": shares,
        "smoothed_emotion": emotion,
    }  # fmt: skip


def result(camera: str, sequence: int, faces: list[dict[str, Any]], captured_ns: int) -> dict[str, Any]:
    """Return a result as the recorder publishes it."""
    return {
        "camera": camera, "run": RUN, "sequence": sequence, "captured_ns": captured_ns, "live": True,
        "captured_at": timestamp(captured_ns),
        "width": 640, "height": 360, "latency_ms": 61.5, "ages_ms": {}, "detector": "yunet", "model": "0123",
        "backend": "litert", "faces": faces, "excess": 0,
    }  # fmt: skip


def preview(camera: str, sequence: int, picture: np.ndarray, captured_ns: int) -> bytes:
    """Return a preview message of a picture (H, W, 3)."""
    height, width = picture.shape[:2]
    head = {"camera": camera, "run": RUN, "sequence": sequence, "captured_ns": captured_ns}
    text = json.dumps({**head, "width": width, "height": height}).encode()
    return len(text).to_bytes(4, "big") + text + cv2.imencode(".jpg", picture)[1].tobytes()


def crops(camera: str, sequence: int, count: int, side: int = 96) -> bytes:
    """Return what the model sees of so many faces: each a grey ramp from left to right."""
    head = {"type": "crops", "camera": camera, "run": RUN, "sequence": sequence, "count": count, "side": side}
    text = json.dumps(head).encode()
    ramp = np.tile(np.linspace(0, 255, side).astype(np.uint8), (side, 1))
    return len(text).to_bytes(4, "big") + text + ramp.tobytes() * count


def scene(sequence: int) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return a dark picture of 640x360 with a bright moving block, and the face that lies exactly on it."""
    picture = np.full((360, 640, 3), 24, np.uint8)
    x, y = 40 + (sequence * 12) % 440, 90
    picture[y : y + 140, x : x + 110] = (140, 170, 235)
    return picture, [face((x, y, 110, 140))]


class SceneFeed:
    """Feeds in which every subscribed camera shows the scene: a picture, then its result two frames later."""

    def __init__(self, fps: float = 12, make: Callable[[int], Any] = scene) -> None:
        self.topics: set[str] = set()
        self.frozen = False
        self.sequence = 0
        self.interval_seconds, self._make = 1 / fps, make
        self._due: deque[tuple[str, bytes]] = deque()
        self._results: deque[list[tuple[str, bytes]]] = deque()

    def subscribe(self, topic: str) -> None:
        self.topics.add(topic)

    def unsubscribe(self, topic: str) -> None:
        self.topics.discard(topic)

    async def receive(self) -> tuple[str, bytes]:
        while True:
            while self._due:
                topic, payload = self._due.popleft()
                if topic in self.topics:
                    return topic, payload
            await asyncio.sleep(self.interval_seconds)
            if not self.frozen:
                self._next_frame()

    def _next_frame(self) -> None:
        self.sequence += 1
        now = time.time_ns()
        picture, faces = self._make(self.sequence)
        cameras = {topic.rpartition("/")[2] for topic in self.topics}
        rows = [
            (f"result/{name}", json.dumps(result(name, self.sequence, faces, now)).encode())
            for name in cameras
        ]
        for name in cameras:
            shown = preview(name, self.sequence, picture, now)
            self._due.extend((f"preview/{kind}/{name}", shown) for kind in ("blurred", "clear"))
        self._due.extend((f"crop/{name}", crops(name, self.sequence, len(faces))) for name in cameras)
        self._results.append(rows)
        if len(self._results) > 2:
            self._due.extend(self._results.popleft())
