"""What goes into Redis and comes out of it: plain records, without Redis itself."""

from typing import Any, Final, Literal

from msgspec import Struct

from shared.config import CameraSettings, WebhookSettings
from shared.emotions import UNCERTAIN

Origin = Literal["config", "user"]

HOLE: Final = "hole"
"""In a `Span`, instead of an outcome: skipped, its fate is not known yet."""
LATENCY_BUCKETS_MS: Final = (10, 20, 30, 50, 75, 100, 150, 200, 250, 300, 500, 750, 1000, 2000, 5000)
"""Upper bounds of the per-minute latency histogram; above the last one: `inf`."""


class Span(Struct, frozen=True, array_like=True):
    """Frames `first` to `last`, both included, and what became of them: an `Outcome`, or `HOLE`."""

    first: int
    last: int
    outcome: str


class TimedFace(Struct, frozen=True, kw_only=True):
    """What the timeline needs of one face of a result (see docs/redis.md)."""

    track: int
    emotion: str
    certain: bool
    smoothed_emotion: str
    seconds: float = 0.0
    zones: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the face is shown as: its smoothed emotion, if the frame is certain and says the same."""
        is_sure = self.certain and self.emotion == self.smoothed_emotion
        return self.smoothed_emotion if is_sure else UNCERTAIN


class TimedFrame(Struct, frozen=True, kw_only=True):
    """What the timeline needs of a result."""

    captured_ns: int
    faces: tuple[TimedFace, ...]


class Facts(Struct, frozen=True, kw_only=True):
    """What the metrics say of a recorded frame, once Redis has confirmed it."""

    captured_ns: int
    """Wall clock at capture, on the broker's clock."""
    emotions: dict[str, int]
    """Label (or `uncertain`) → faces."""
    stages: dict[str, float]
    """Stage → seconds the frame spent in it."""


class Recorded(Struct, frozen=True, kw_only=True):
    """One result to write."""

    sequence: int
    json: bytes
    minute: int
    """Minutes since 1970 of the capture time: where `counts` are added."""
    counts: dict[str, float]
    """Name → what this frame adds to the minute."""
    facts: Facts
    results_seconds: int
    """How long full results are kept."""
    minutes_seconds: int
    """How long minute counts are kept."""
    tracks: int = 0
    """Highest track number given out on this camera so far."""
    hour_counts: dict[str, float] = {}
    """Name → what this frame adds to the hour."""


class Advance(Struct, frozen=True, kw_only=True):
    """One step of a camera's ledger: spans in ascending order, then at most one result.

    Applied as a whole or not at all; applying it again changes nothing.
    """

    camera: str
    run: int
    live: bool
    base: int = 0
    """Where counting starts if Redis does not know this run: 0, unless it was emptied during the run."""
    captured: int = 0
    """Highest sequence number known to be captured."""
    spans: tuple[Span, ...] = ()
    result: Recorded | None = None
    ended: bool = False


Entry = Advance
"""Everything `Store.apply` takes."""


class Applied(Struct, frozen=True):
    """What an `Advance` changed: nothing where it was a repeat."""

    recorded: bool
    """The result was written."""
    counted: dict[str, int]
    """Outcome → frames newly counted under it."""


class Cursor(Struct, frozen=True, kw_only=True):
    """How far a camera's ledger is; all zero for a camera never seen."""

    run: int = 0
    sequence: int = 0
    captured: int = 0
    live: bool = True
    ended: bool = False
    before_run: int = 0
    before_captured: int = 0
    """The run before this one, and how far it was captured."""
    tracks: int = 0
    """Highest track number given out."""
    holes: tuple[tuple[int, int], ...] = ()
    """(run, sequence) of the frames that were skipped and whose fate is not known, in ascending order."""


class Health(Struct, frozen=True, kw_only=True):
    """One process's sign of life."""

    service: str
    instance: str
    host: str
    pid: int
    started_ns: int
    metrics_port: int
    state: str
    """`working`, or what it waits for, such as `waiting for redis`."""
    clock_offset_seconds: float = 0.0
    """The broker's wall clock minus this host's, as far as it is known."""
    cores: int = 0
    """Of its host; 0: not known."""
    host_busy: float = 0.0
    """Share of its host's cores in use over the last second or so, 0 to 1."""
    facts: dict[str, Any] = {}


class CameraState(Struct, frozen=True, kw_only=True):
    """How a camera does, as its capture process sees it."""

    camera: str
    state: Literal["connecting", "live", "lost", "ended", "paused"]
    since_ns: int
    detail: str = ""
    """Why, for a person; without user and password."""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    reconnects: int = 0
    captured: int = 0
    run: int = 0
    instance: str = ""


class Wanted(Struct, frozen=True, kw_only=True):
    """What the user asked the running stack for; None: as configured."""

    model: str | None = None
    """Path of the artefact folder."""
    detectors: int | None = None
    classifiers: int | None = None
    recorders: int | None = None
    blur: bool = True


class WantedCamera(Struct, frozen=True, kw_only=True):
    """A camera as it lies in Redis."""

    settings: CameraSettings
    origin: Origin


class Change(Struct, frozen=True, kw_only=True):
    """One entry of the audit log: who changed what."""

    who: str
    """Role and address; for the command line its user and host."""
    action: str
    """Such as `camera.add`."""
    subject: str
    """Such as the camera's name."""
    detail: str = ""
    """For a person; without secrets."""


class WantedWebhook(Struct, frozen=True, kw_only=True):
    """A webhook as it lies in Redis."""

    settings: WebhookSettings
    origin: Origin


class WebhookState(Struct, frozen=True, kw_only=True):
    """What a webhook's condition was last said to be on one camera."""

    began_ns: int
    """Wall clock of the last beginning."""
    holds: bool
