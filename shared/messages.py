"""Every message on the bus, declared once: kind, header fields, ranges, and what the payload is.

A message is a ZeroMQ multipart `kind, header (msgpack map), payload…`. `Job` and `Output` are envelopes:
their payload is a whole inner message (`kind, header, payload`), which the broker moves without decoding
again. See docs/protocol.md for who sends what and when.
"""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

CAMERA_PATTERN: Final = r"^[a-z0-9_-]{1,40}$"
MAX_FACES: Final = 64
"""Faces per frame that travel on: the largest ones; the excess is counted."""
MAX_SEQUENCE_JUMP: Final = 10_000
CROP_SIDE: Final = 96
"""Side in pixels of a crop on the wire, the same whatever model is in use."""

CameraName = Annotated[str, Meta(pattern=CAMERA_PATTERN)]
InstanceName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
ServiceName = Annotated[str, Meta(pattern=r"^[a-z]{1,20}$")]
Run = Annotated[int, Meta(ge=1, le=2**53)]
Sequence_ = Annotated[int, Meta(ge=1, le=2**53)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Nanoseconds = Annotated[int, Meta(ge=0, le=2**62)]
Side = Annotated[int, Meta(ge=1, le=16_384)]
Share = Annotated[float, Meta(ge=0, le=1)]
Pixel = Annotated[float, Meta(ge=-32_768, le=32_768)]
Extent = Annotated[float, Meta(ge=1, le=32_768)]
"""A side of a box in pixels: what follows faces divides by it."""
Text = Annotated[str, Meta(max_length=500)]
Ages = Annotated[dict[Annotated[str, Meta(max_length=20)], Nanoseconds], Meta(max_length=16)]

MAX_AREAS: Final = 16
"""Masks, and zones, of one camera."""
MAX_CORNERS: Final = 32
Polygon = Annotated[tuple[tuple[Share, Share], ...], Meta(min_length=3, max_length=MAX_CORNERS)]
"""Corners as (x, y) in shares of the picture's width and height; the last one is joined to the first."""
ZoneName = Annotated[str, Meta(pattern=CAMERA_PATTERN)]

Part = bytes | memoryview
"""One part of a multipart message."""


class Outcome(StrEnum):
    """What became of a captured frame; the ledger counts each captured frame under exactly one."""

    RECORDED = "recorded"
    OVERTAKEN = "overtaken"
    STALE = "stale"
    LATE = "late"
    INVALID = "invalid"
    LOST_WORKER = "lost_worker"
    POISON = "poison"
    RECORDER_DOWN = "recorder_down"
    REDIS_DOWN = "redis_down"
    LOST = "lost"


class Preview(StrEnum):
    """How a watched frame is shown: with its faces blurred, or as it is."""

    BLURRED = "blurred"
    CLEAR = "clear"


class Encoding(StrEnum):
    """How a frame travels: as JPEG, as raw rows of blue, green, red bytes, or as such in shared memory."""

    JPEG = "jpeg"
    BGR = "bgr"
    SHARED = "shared"


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all headers."""

    kind: ClassVar[bytes]


class JobId(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A job's name: the broker's run and a number within it."""

    broker_run: Run
    number: Count


# --- between a client and the broker -------------------------------------------------------------


class Hello(Header, frozen=True, kw_only=True):
    """Client → broker, first on every connection and whenever asked by `Who`."""

    kind = b"HELLO"
    service: ServiceName
    instance: InstanceName
    schema: Annotated[str, Meta(max_length=64)]
    window: Annotated[int, Meta(ge=1, le=1024)]
    host: Annotated[str, Meta(max_length=200)]
    pid: Annotated[int, Meta(ge=0)]
    camera: CameraName | None = None
    """A source's camera; None for workers."""
    run: Run | None = None
    live: bool = True
    redis_down: bool = False
    """A recorder that waits for Redis: what its queue then drops is `redis_down`."""


class Welcome(Header, frozen=True, kw_only=True):
    """Broker → client: HELLO is accepted."""

    kind = b"WELCOME"
    broker_run: Run


class Refused(Header, frozen=True, kw_only=True):
    """Broker → client: HELLO is refused for good (schema, key or role); the reason names the remedy."""

    kind = b"REFUSED"
    reason: Text


class Taken(Header, frozen=True, kw_only=True):
    """Broker → source: another live source of that camera is connected."""

    kind = b"TAKEN"
    camera: CameraName


class Who(Header, frozen=True, kw_only=True):
    """Broker → client: the sender is unknown (a new broker, or it was silent too long); say HELLO again."""

    kind = b"WHO"


class Beat(Header, frozen=True, kw_only=True):
    """Client → broker once a second, from a thread with a socket of its own."""

    kind = b"BEAT"
    service: ServiceName
    instance: InstanceName
    sent_ns: Nanoseconds
    """Client's wall clock."""
    step_age_ns: Nanoseconds = 0
    """How long the current step has been running; 0 between steps."""
    captured: Count = 0
    """Source: the highest sequence number captured so far."""
    redis_down: bool = False


class BeatAck(Header, frozen=True, kw_only=True):
    """Broker → client: answer to a beat, from which the client reckons its clock's offset."""

    kind = b"BEATACK"
    sent_ns: Nanoseconds
    broker_ns: Nanoseconds
    """Broker's wall clock when the beat arrived."""
    host: Annotated[str, Meta(max_length=200)]
    """The broker's host and boot: on the same one, clocks are the same and the offset is 0."""


class Ack(Header, frozen=True, kw_only=True):
    """Broker → source: these frames no longer count against its window."""

    kind = b"ACK"
    run: Run
    sequences: Annotated[tuple[Sequence_, ...], Meta(max_length=1024)]


class Job(Header, frozen=True, kw_only=True):
    """Broker → worker: an envelope round the message to work on."""

    kind = b"JOB"
    job: JobId
    camera: CameraName
    run: Run
    sequence: Sequence_
    """Of the frame (for Gone the first one, for Seen and End 1); the inner header must agree."""
    age_ns: Nanoseconds
    """Age of the frame when the job was sent, on the broker's clock."""
    previews: Annotated[frozenset[Preview], Meta(max_length=len(Preview))] = frozenset()
    """How somebody watches the camera; a detector sends each of these that its own setting allows."""
    watched: bool = False
    """Whether anybody subscribes to the camera's results."""
    crops: bool = False
    """Whether anybody subscribes to the camera's crops; a detector sends them if it allows clear pictures."""


class Output(Header, frozen=True, kw_only=True):
    """Worker → broker: closes a job; an envelope round the message for the next stage."""

    kind = b"OUTPUT"
    job: JobId


class Done(Header, frozen=True, kw_only=True):
    """Recorder → broker: closes jobs; Redis has confirmed them.

    Attributes:
        jobs: those that are closed.
        busy_ns: how long the recorder worked since the last DONE. Its jobs also lie waiting for company, so
            the broker can't tell by itself.
    """

    kind = b"DONE"
    jobs: Annotated[tuple[JobId, ...], Meta(min_length=1, max_length=1024)]
    busy_ns: Nanoseconds = 0


class Invalid(Header, frozen=True, kw_only=True):
    """Worker → broker: closes a job whose data can't be used; the frame is dropped as `invalid`."""

    kind = b"INVALID"
    job: JobId
    reason: Text


class Feed(Header, frozen=True, kw_only=True):
    """Worker → broker: publish the payload under a topic for whoever is subscribed."""

    kind = b"FEED"
    topic: Annotated[str, Meta(pattern=r"^(result|crop|preview)/(clear/|blurred/)?[a-z0-9_-]{1,40}$")]


class Drain(Header, frozen=True, kw_only=True):
    """Worker → broker: no more jobs, please; what is held will be finished."""

    kind = b"DRAIN"


class Drained(Header, frozen=True, kw_only=True):
    """Broker → worker or source: nothing of yours is open, the END has arrived; you may go."""

    kind = b"DRAINED"


# --- the road of a frame --------------------------------------------------------------------------


class FrameHeader(Header, frozen=True, kw_only=True):
    """What every stage says of the frame it is about."""

    camera: CameraName
    run: Run
    """One opening of a camera: milliseconds since 1970 when it was opened, so newer runs are larger."""
    sequence: Sequence_
    """1 for the first frame of a run."""
    live: bool
    captured_ns: Nanoseconds
    """Wall clock at capture, already corrected to the broker's clock."""
    width: Side
    height: Side
    ages: Ages
    """Stage → the frame's age in ns when that stage ended (see topology.STAGES)."""
    media_seconds: Annotated[float, Meta(ge=0)] | None = None
    """Position in the video or folder, for recorded cameras."""


class Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a frame lies in its source's memory (see shared/frame_memory.py)."""

    path: Annotated[str, Meta(pattern=r"^/proc/[0-9]{1,10}/fd/[0-9]{1,10}$")]
    offset: Count


class Zone(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A named area of a camera's picture."""

    name: ZoneName
    polygon: Polygon


class Scope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a camera's picture counts. It travels with each frame, because detectors keep no state."""

    masks: Annotated[tuple[Polygon, ...], Meta(max_length=MAX_AREAS)] = ()
    """Where no face is looked at and no picture is shown."""
    zones: Annotated[tuple[Zone, ...], Meta(max_length=MAX_AREAS)] = ()
    min_face: Side | None = None
    """Narrowest face, in pixels of the frame; None: as the detector is set."""
    max_face: Side | None = None
    """Widest face, in pixels of the frame; None: any."""


class Frame(FrameHeader, frozen=True, kw_only=True):
    """Source → frames. Payload: one part: JPEG, `height x width x 3` bytes (blue, green, red), or empty."""

    kind = b"FRAME"
    encoding: Encoding
    age_ns: Nanoseconds
    """Age at the moment of sending, from the source's monotonic clock."""
    place: Place | None = None
    """Of a shared frame."""
    previous: Count
    """Sequence of the frame sent before this one (0: none); those between were overtaken in capture."""
    scope: Scope | None = None
    """None: all of the picture, no zones."""


class Face(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One found face. Coordinates are pixels of the frame, origin at its top left corner."""

    box: tuple[Pixel, Pixel, Extent, Extent]
    """x, y, width, height."""
    score: Share
    landmarks: tuple[Pixel, Pixel, Pixel, Pixel, Pixel, Pixel, Pixel, Pixel, Pixel, Pixel]
    """x, y of right eye (the person's own), left eye, nose, right mouth corner, left mouth corner."""
    zones: Annotated[tuple[ZoneName, ...], Meta(max_length=MAX_AREAS)] = ()
    """Those of the camera's zones that the box's centre lies in."""


class Reading(Face, frozen=True, kw_only=True):
    """A face with what the classifier read on it."""

    emotion: Annotated[str, Meta(max_length=40)]
    """Label of the highest probability, also where the face is uncertain."""
    certain: bool
    probabilities: Annotated[tuple[Share, ...], Meta(min_length=2, max_length=64)]
    """Calibrated, in the order of the result's labels, sum 1."""


class Faces(FrameHeader, frozen=True, kw_only=True):
    """Detector → faces. Payload: one part, `len(faces) x 96 x 96` grey bytes, crops in the order of faces."""

    kind = b"FACES"
    detector: Text
    crop: Text
    """Name and version of the crop contract."""
    faces: Annotated[tuple[Face, ...], Meta(min_length=1, max_length=MAX_FACES)]
    excess: Count = 0


class Result(FrameHeader, frozen=True, kw_only=True):
    """Classifier (or, for a frame without faces, detector) → results. No payload."""

    kind = b"RESULT"
    detector: Text
    model: Text = ""
    """First 12 hex digits of the model file's SHA-256; empty for a frame without faces."""
    backend: Text = ""
    labels: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=64)] = ()
    faces: Annotated[tuple[Reading, ...], Meta(max_length=MAX_FACES)] = ()
    excess: Count = 0

    def __post_init__(self) -> None:
        """Refuse probabilities that do not belong to the labels one by one; a decoder calls this, too."""
        if any(len(face.probabilities) != len(self.labels) for face in self.faces):
            raise ValueError(f"a face's probabilities are not one for each of the {len(self.labels)} labels")


class Gone(Header, frozen=True, kw_only=True):
    """Broker → recorder (as a job): these frames were dropped, first and last included."""

    kind = b"GONE"
    camera: CameraName
    run: Run
    first: Sequence_
    last: Sequence_
    reason: Outcome


class Seen(Header, frozen=True, kw_only=True):
    """Broker → recorder (as a job): this camera has captured so many frames in this run."""

    kind = b"SEEN"
    camera: CameraName
    run: Run
    captured: Count
    live: bool


class End(Header, frozen=True, kw_only=True):
    """Source → broker → recorder (as a job): the run is over; nothing was captured after `captured`."""

    kind = b"END"
    camera: CameraName
    run: Run
    captured: Count
    sent: Count
    """Highest sequence number sent; those after it were overtaken in capture."""
    live: bool


HEADERS: Final[dict[bytes, type[Header]]] = {
    header.kind: header
    for header in (
        Hello, Welcome, Refused, Taken, Who, Beat, BeatAck, Ack, Job, Output, Done, Invalid, Feed, Drain,
        Drained, Frame, Faces, Result, Gone, Seen, End,
    )
}  # fmt: skip
ENVELOPES: Final = frozenset({Job.kind, Output.kind})


class Message(NamedTuple):
    """A decoded message: its header and the parts behind it (for an envelope, the inner message's parts)."""

    header: Header
    payload: Sequence[Part] = ()


def _schema_hash() -> str:
    schemas, components = msgspec.json.schema_components(HEADERS.values())
    kinds = [kind.decode() for kind in HEADERS]
    text = json.dumps([kinds, list(schemas), components], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


SCHEMA: Final = _schema_hash()
"""Names this declaration of messages; a client with another one is refused at HELLO."""
