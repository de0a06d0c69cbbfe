"""The read loop of one camera: grab, pace, number, send; everything it needs is handed to it."""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from services.capture.pace import Limiter, Schedule
from services.capture.picture import Picture, encode
from services.capture.reporter import REPORT_SECONDS, Reporter
from services.capture.sources import Source
from services.capture.window import Outgoing, Window
from shared.capture_link import Report
from shared.errors import SourceError
from shared.frame_memory import FrameWriter
from shared.messages import (
    Ack,
    Drained,
    Encoding,
    End,
    Frame,
    Header,
    Message,
    Part,
    Place,
    Refused,
    Scope,
    Taken,
)

logger = logging.getLogger(__name__)

WELCOME_SECONDS: Final = 1.0
ROOM_SECONDS: Final = 0.1
ACKNOWLEDGE_SECONDS: Final = 60.0
"""An ended recording waits for its last frames as long as something moves within this time."""
LAST_WORD_SECONDS: Final = 0.5


class Bus(Protocol):
    """The part of `shared.bus.Client` that a source needs."""

    @property
    def ready(self) -> bool:
        """Whether the broker has welcomed this source."""

    def send(self, header: Header, *payload: Part) -> bool:
        """Send without waiting; False: nothing was sent."""

    def receive(self, timeout_seconds: float) -> Message | None:
        """Return the next message, None after the timeout."""


class Shot(NamedTuple):
    """A captured frame, encoded."""

    payload: Part
    width: int
    height: int
    captured_ns: int
    monotonic_ns: int
    media_seconds: float | None
    place: Place | None


class ReadLoop:
    """Reads one opened source into the bus until it ends or is told to stop.

    Args:
        camera: its name.
        run: number of this opening.
        source: what is read.
        fps: frames a second at most, None: all.
        every: of those, each n-th.
        scope: goes with each frame.
        patience_seconds: how long a camera may send nothing but pictures that can't be decoded.
        bus: connection to the broker.
        window: fresh; its `reset` is called at each WELCOME by whoever made the connection.
        encode_as: of the payloads.
        jpeg_quality: 10 to 100.
        offset_ns: gives the broker's wall clock minus this host's.
        report: takes what the parent should know.
    """

    def __init__(
        self,
        camera: str,
        run: int,
        source: Source,
        fps: float | None,
        bus: Bus,
        window: Window[Shot],
        encode_as: Encoding,
        jpeg_quality: int,
        offset_ns: Callable[[], int],
        report: Callable[[Report], None],
        every: int = 1,
        scope: Scope | None = None,
        patience_seconds: float = math.inf,
    ) -> None:
        self._camera, self._run, self._source, self._bus, self._window = camera, run, source, bus, window
        self._encode_as, self._jpeg_quality, self._offset_ns = encode_as, jpeg_quality, offset_ns
        self._memory = FrameWriter()
        self._limiter = Limiter(fps, every)
        self._schedule = Schedule() if source.paced and source.live else None
        self._interval_seconds = max(source.interval_seconds, 1 / fps if fps else 0.0) * every
        self._scope, self._patience_seconds = scope, patience_seconds
        self._damaged_since: float | None = None
        self._reporter = Reporter(run, window, report)
        self._stop_asked = threading.Event()

    def stop(self) -> None:
        """Ask the loop to end (from a signal handler)."""
        self._stop_asked.set()

    def run(self) -> None:
        """Read to the end; then tell the broker that the run is over.

        Raises:
            SourceError: the camera is lost (after the broker was told), or another process has it.
        """
        self._await_welcome()
        try:
            while not self._stop_asked.is_set() and self._read_one():
                pass
            if not self._source.live:
                self._await_acknowledgements()
            if not self._stop_asked.is_set():
                self._reporter.say("ended", self._source.note)
        finally:
            self._end()

    def _await_welcome(self) -> None:
        """Give the connection a moment, so that the first frames need not be dropped."""
        until = time.monotonic() + WELCOME_SECONDS
        while not self._bus.ready and time.monotonic() < until:
            self._pump(0.02)

    def _read_one(self) -> bool:
        """Capture at most one frame; False at the end of the source."""
        if not self._window.has_room:
            self._pump(ROOM_SECONDS)
            return True
        if not self._source.grab():
            return False
        now = time.monotonic()
        self._reporter.tick(now)
        if not self._limiter.take(self._source.timeline_seconds if self._source.paced else now):
            return True
        due = self._schedule.due(self._source.timeline_seconds, now) if self._schedule else now
        self._wait_until(due)
        self._pump(0)
        next_is_due = self._source.live and time.monotonic() > due + self._interval_seconds > due
        if next_is_due or self._window.is_full:
            self._window.skip()  # it could not go now, and the next one will be newer: spare its conversion
        else:
            self._capture(due)
            self._pump(0)
        return True

    def _wait_until(self, due: float) -> None:
        """Sleep to the due time; wake for acknowledgements only if a frame waits for one."""
        while (left := due - time.monotonic()) > 0 and not self._stop_asked.is_set():
            if self._bus.ready and not self._window.has_waiting:
                time.sleep(min(left, REPORT_SECONDS))
            else:
                self._pump(min(left, REPORT_SECONDS))
            self._reporter.tick(time.monotonic())

    def _capture(self, at: float) -> None:
        """Take the grabbed frame as captured at this monotonic time."""
        picture = self._source.retrieve()
        if picture is None:
            self._bear_damage(time.monotonic())
            return
        self._damaged_since = None
        self._window.add(self._shot(picture, at))
        self._reporter.captured(picture.shape[1], picture.shape[0])

    def _bear_damage(self, now: float) -> None:
        """Note a picture that can't be decoded; a camera that sends no other ones is as good as silent."""
        if self._damaged_since is None:
            self._damaged_since = now
        # A file may hold a long damaged stretch; to open it again would only bring it back.
        if not self._source.paced and now - self._damaged_since > self._patience_seconds:
            raise SourceError(
                f"camera {self._camera}: pictures come, but for {self._patience_seconds:.0f} s none that can "
                "be decoded; it will be opened again; try another format in the camera's own settings"
            )

    def _shot(self, picture: Picture, at: float) -> Shot:
        height, width = picture.shape[:2]
        age_ns = max(0, int((time.monotonic() - at) * 1e9))
        payload, place = self._pack(picture)
        return Shot(
            payload=payload,
            width=width,
            height=height,
            captured_ns=max(0, time.time_ns() - age_ns + self._offset_ns()),
            monotonic_ns=int(at * 1e9),
            media_seconds=self._source.media_seconds,
            place=place,
        )

    def _pack(self, picture: Picture) -> tuple[Part, Place | None]:
        if self._encode_as is not Encoding.SHARED:
            return encode(picture, self._encode_as, self._jpeg_quality), None
        return b"", self._memory.put(self._window.sends, self._window.captured + 1, picture)

    def _pump(self, timeout_seconds: float) -> None:
        """Take what the broker says, waiting at most so long for the first message; send what may go."""
        message = self._bus.receive(timeout_seconds)
        while message is not None:
            self._hear(message.header)
            message = self._bus.receive(0)
        while (outgoing := self._window.next()) and self._send(outgoing):
            self._window.mark_sent()
        self._reporter.tick(time.monotonic())

    def _hear(self, header: Header) -> None:
        if isinstance(header, Ack) and header.run == self._run:
            self._window.acknowledge(header.sequences)
        elif isinstance(header, Taken):
            raise SourceError(
                f"camera {self._camera}: another capture process holds it; waiting for that one to end"
            )
        elif isinstance(header, Refused):
            raise SourceError(f"camera {self._camera}: the broker refuses it: {header.reason}")

    def _send(self, outgoing: Outgoing[Shot]) -> bool:
        shot = outgoing.item
        age_ns = max(0, time.monotonic_ns() - shot.monotonic_ns)
        frame = Frame(
            camera=self._camera,
            run=self._run,
            sequence=outgoing.sequence,
            live=self._source.live,
            captured_ns=shot.captured_ns,
            width=shot.width,
            height=shot.height,
            ages={"capture": age_ns},
            media_seconds=shot.media_seconds,
            encoding=self._encode_as,
            place=shot.place,
            age_ns=age_ns,
            previous=outgoing.previous,
            scope=self._scope,
        )
        return self._bus.send(frame, shot.payload)

    def _await_acknowledgements(self) -> None:
        until = time.monotonic() + ACKNOWLEDGE_SECONDS
        waiting = self._window.unfinished
        while waiting and time.monotonic() < until and not self._stop_asked.is_set():
            self._pump(ROOM_SECONDS)
            if self._window.unfinished < waiting:
                until = time.monotonic() + ACKNOWLEDGE_SECONDS
            waiting = self._window.unfinished

    def _end(self) -> None:
        """Say END and wait a short while for the answer, so that it has left before this process ends."""
        self._memory.close()
        end = End(
            camera=self._camera,
            run=self._run,
            captured=self._window.captured,
            sent=self._window.sent,
            live=self._source.live,
        )
        until = time.monotonic() + LAST_WORD_SECONDS
        sent = False
        while time.monotonic() < until:
            sent = sent or self._bus.send(end)
            message = self._bus.receive(0.05)
            if message is not None and isinstance(message.header, Drained):
                return
