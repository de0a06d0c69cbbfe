"""THE table: services, queues, windows, stages, feeds and metrics ports; everything else derives from it."""

from dataclasses import dataclass
from typing import Final

from shared.messages import Preview


@dataclass(frozen=True)
class Service:
    """One kind of process.

    Attributes:
        name: as in HELLO, metrics and health keys.
        window: jobs a worker holds at most (for the recorder: per camera); 0 for services without jobs.
        queue: name of the queue it works off, None for services without jobs.
        metrics_port: default port of `/metrics` in containers; under `mien up` free ports are taken.
        stop_order: services stop in ascending order.
    """

    name: str
    window: int
    queue: str | None
    metrics_port: int
    stop_order: int


@dataclass(frozen=True)
class Queue:
    """One queue in the broker.

    Attributes:
        name: as in metrics.
        live_waiting: frames of one live camera that may wait, the older is overtaken; None: no limit.
        max_bytes: bound over all cameras; None where `live_waiting` and source windows bound it already.
        live_held: frames of one live camera that all workers together hold at most; None: no limit.
    """

    name: str
    live_waiting: int | None
    max_bytes: int | None
    live_held: int | None = None


FRAMES: Final = Queue("frames", live_waiting=1, max_bytes=None, live_held=8)
FACES: Final = Queue("faces", live_waiting=2, max_bytes=None)
RESULTS: Final = Queue("results", live_waiting=None, max_bytes=64 * 1024 * 1024)
QUEUES: Final = {queue.name: queue for queue in (FRAMES, FACES, RESULTS)}

CAPTURE: Final = Service("capture", 0, None, 9101, 0)
DETECTOR: Final = Service("detector", 2, FRAMES.name, 9102, 1)
CLASSIFIER: Final = Service("classifier", 16, FACES.name, 9103, 2)
RECORDER: Final = Service("recorder", 32, RESULTS.name, 9104, 3)
DASHBOARD: Final = Service("dashboard", 0, None, 9105, 4)
BROKER: Final = Service("broker", 0, None, 9106, 5)
SERVICES: Final = {
    service.name: service for service in (CAPTURE, DETECTOR, CLASSIFIER, RECORDER, DASHBOARD, BROKER)
}
MAX_WORKERS: Final = {DETECTOR.name: 64, CLASSIFIER.name: 64, RECORDER.name: 16}
"""Processes of a service that may be asked for; the others run once."""

MAX_CAMERAS: Final = 256
"""Sources that one broker takes in, and cameras that a browser may watch."""
RECORDER_JOBS: Final = MAX_CAMERAS * RECORDER.window
"""Jobs that a recorder holds at most, of all cameras together."""

LIVE_WINDOW: Final = 1
"""Frames a live source may have unacknowledged: one that waits at the broker while the next is captured."""
LIVE_WINDOW_REMOTE: Final = 2
"""The same for a source on another host, whose acknowledgements take a round trip."""
RECORDED_WINDOW: Final = 8
"""Frames a recorded source may have unacknowledged."""

STAGES: Final = ("capture", "frames_queue", "detect", "faces_queue", "classify", "results_queue", "record")
"""Names in a frame's `ages`, in the order of its road; each says how old the frame was at the stage's end."""


def stages(service: Service) -> tuple[str, str]:
    """Return the stages that a worker's job ends: waiting in its queue, and the work itself."""
    queued = STAGES.index(f"{service.queue}_queue")
    return STAGES[queued], STAGES[queued + 1]


def result_topic(camera: str) -> str:
    """Topic of a camera's recorded results: JSON as in `mien:{camera}:latest`."""
    return f"result/{camera}"


def preview_topic(camera: str, preview: Preview) -> str:
    """Topic of a camera's pictures: a JPEG behind a JSON header, only while somebody subscribes."""
    return f"preview/{preview.value}/{camera}"


def crop_topic(camera: str) -> str:
    """Topic of what the model sees of a camera's faces: grey crops behind a JSON header, never stored."""
    return f"crop/{camera}"
