"""How a camera's mood moved: face-seconds by emotion and different people, in buckets of time."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from msgspec import Struct

from shared.emotions import UNCERTAIN
from shared.records import TimedFrame

MAX_BUCKETS: Final = 150
STEPS: Final = (2, 5, 10, 60, 120, 300, 600, 1800, 3600, 10_800, 21_600, 86_400)
"""Lengths of a bucket in seconds: below a minute from full results, below an hour from minute counts, else
from hour counts."""
MINUTE: Final = 60
HOUR: Final = 3600
MAX_FINE_SECONDS: Final = 600
"""Full results are read for at most so long a span: at 15 frames a second 9000 of them a camera."""


class Source(Protocol):
    """What of `Store` is read."""

    def timed_frames(self, camera: str, since_ns: int, until_ns: int) -> Iterator[TimedFrame]:
        """See Store."""

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        """See Store."""

    def hours(self, camera: str, since_hour: int, until_hour: int) -> list[dict[str, Any]]:
        """See Store."""


class Span(Struct, frozen=True):
    """A stretch of time in whole buckets; seconds since 1970, `until` excluded."""

    since: int
    until: int
    step: int


class Bucket(Struct, frozen=True, kw_only=True):
    """What was seen in one stretch of time."""

    start: int
    """Seconds since 1970."""
    seconds: int
    """How long it is."""
    frames: int
    faces: float
    """Mean number of faces on a frame."""
    tracks: int
    """Different people: tracks, each counted once."""
    arrived: int
    """Those of them that were not there just before: several buckets had `tracks` of the first one and the
    `arrived` of the rest."""
    uncertain: float
    """Face-seconds."""
    emotions: dict[str, float]
    """Label → face-seconds."""


def span_of(since: float, until: float, now: float, results_seconds: float, least_step: int = 0) -> Span:
    """Return a stretch of time, widened to whole buckets that are as short as can be.

    Args:
        since: seconds since 1970; before `until`.
        until: the end.
        now: this moment.
        results_seconds: for how long full results are kept: buckets of seconds need them.
        least_step: shorter buckets are not wanted.
    """
    is_fine = until - since <= MAX_FINE_SECONDS and since >= now - results_seconds
    least = max(least_step, (until - since) / MAX_BUCKETS, 0 if is_fine else MINUTE)
    step = next((step for step in STEPS if step >= least), STEPS[-1])
    return Span(int(since // step) * step, -int(-until // step) * step, step)


def buckets(source: Source, camera: str, span: Span, zone: str = "") -> list[Bucket]:
    """Return the buckets of which frames were recorded, in order.

    Args:
        source: the store.
        camera: its name.
        span: of `span_of`.
        zone: count only faces in this zone.
    """
    sums: dict[int, _Sum] = {}
    if span.step < MINUTE:
        for frame in source.timed_frames(camera, span.since * 10**9, span.until * 10**9):
            _of(sums, span, frame.captured_ns // 10**9).add_frame(frame, zone)
    else:
        name, unit = ("minute", MINUTE) if span.step < HOUR else ("hour", HOUR)
        read = source.minutes if span.step < HOUR else source.hours
        for row in read(camera, span.since // unit, -(-span.until // unit)):
            _of(sums, span, row[name] * unit).add_row(row, zone)
    found: list[Bucket] = []
    before: set[int] = set()
    for start in sorted(sums):
        is_next = bool(found) and found[-1].start == start - span.step
        found.append(sums[start].bucket(start, span.step, before if is_next else set()))
        before = sums[start].tracks
    return found


def _of(sums: "dict[int, _Sum]", span: Span, second: int) -> "_Sum":
    return sums.setdefault(second // span.step * span.step, _Sum())


class _Sum:
    """A bucket that is being filled."""

    def __init__(self) -> None:
        self._frames = self._faces = self._arrived = self._stayed = 0
        self.tracks: set[int] = set()
        self._seconds: dict[str, float] = {}

    def add_frame(self, frame: TimedFrame, zone: str) -> None:
        """Add one frame's faces."""
        self._frames += 1
        for face in frame.faces:
            if not zone or zone in face.zones:
                self._faces += 1
                self.tracks.add(face.track)
                self._weigh(((face.label, face.seconds),))

    def add_row(self, row: dict[str, Any], zone: str) -> None:
        """Add the counts of a minute or an hour, in order: only the first one's `stayed` are new here."""
        counted = row["zones"].get(zone) if zone else row
        if counted:
            self._faces += counted["faces"]
            self._arrived += counted["arrived"]
            self._stayed += 0 if self._frames else counted["stayed"]
            self._weigh(counted["seconds"].items())
        self._frames += row["frames"]

    def bucket(self, start: int, seconds: int, before: set[int]) -> Bucket:
        """Return it filled; `before`: tracks of the bucket before, as far as they are known."""
        face_seconds = {label: round(value, 2) for label, value in sorted(self._seconds.items())}
        return Bucket(
            start=start,
            seconds=seconds,
            frames=self._frames,
            faces=round(self._faces / max(self._frames, 1), 2),
            tracks=len(self.tracks) + self._arrived + self._stayed,
            arrived=len(self.tracks - before) + self._arrived,
            uncertain=face_seconds.pop(UNCERTAIN, 0.0),
            emotions=face_seconds,
        )

    def _weigh(self, weights: Iterable[tuple[str, float]]) -> None:
        for label, seconds in weights:
            self._seconds[label] = self._seconds.get(label, 0.0) + seconds
