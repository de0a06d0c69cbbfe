"""Shares of time and numbers of people from what was recorded, without Redis."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.records import TimedFace, TimedFrame
from shared.timeline import MAX_BUCKETS, Span, buckets, span_of

NOW = 1_800_000_000.0
HOUR = 3600.0


class Recorded:
    """A store of one camera."""

    def __init__(self) -> None:
        self.frames: list[TimedFrame] = []
        self.rows: list[dict[str, Any]] = []

    def timed_frames(self, camera: str, since_ns: int, until_ns: int) -> Iterator[TimedFrame]:
        return (frame for frame in self.frames if since_ns <= frame.captured_ns < until_ns)

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        return [row for row in self.rows if since_minute <= row["minute"] < until_minute]

    def hours(self, camera: str, since_hour: int, until_hour: int) -> list[dict[str, Any]]:
        return [row for row in self.rows if since_hour <= row["hour"] < until_hour]


def face(track: int, label: str, seconds: float = 0.1, **changes: Any) -> TimedFace:
    fields = {"emotion": label, "certain": True, "smoothed_emotion": label, **changes}
    return TimedFace(track=track, seconds=seconds, **fields)


def row(unit: str, number: int, **counts: Any) -> dict[str, Any]:
    counts = {"faces": 0, "arrived": 0, "stayed": 0, "seconds": {}, **counts}
    return {unit: number, "frames": 10, "zones": {}, **counts}


@pytest.mark.parametrize(
    ("since", "until", "step"),
    [(NOW - 300, NOW, 2), (NOW - 600, NOW, 5), (NOW - HOUR, NOW, 60), (NOW - 24 * HOUR, NOW, 600),
     (NOW - 30 * 24 * HOUR, NOW, 21_600), (NOW - 9000 * HOUR, NOW, 86_400),
     (NOW - 2 * HOUR, NOW - 2 * HOUR + 300, 60)],
)  # fmt: skip
def test_buckets_are_as_short_as_can_be(since: float, until: float, step: int) -> None:
    span = span_of(since, until, NOW, results_seconds=HOUR)
    assert span.step == step
    assert span.since <= since
    assert span.until >= until
    assert span.since % step == span.until % step == 0
    assert step == 86_400 or (span.until - span.since) / step <= MAX_BUCKETS + 1


def test_one_lingering_face_against_ten_passing_ones() -> None:
    """Shares go by time, people by track: a face for 20 s weighs as much as ten for 2 s each."""
    source = Recorded()
    for tenth in range(200):
        faces = (face(1, "happy"), face(2 + tenth // 20, "sad"))
        source.frames.append(TimedFrame(captured_ns=10**9 + tenth * 10**8, faces=faces))
    (bucket,) = buckets(source, "door", Span(0, 30, 30))
    assert bucket.emotions == {"happy": 20.0, "sad": 20.0}
    assert (bucket.tracks, bucket.faces, bucket.frames, bucket.uncertain) == (11, 2.0, 200, 0.0)


def test_people_of_several_buckets_add_up() -> None:
    source = Recorded()
    for second, tracks in enumerate([(1, 2), (2,), (2, 3), (), (4,)]):
        faces = tuple(face(track, "happy") for track in tracks)
        source.frames.append(TimedFrame(captured_ns=second * 10**9, faces=faces))
    found = buckets(source, "door", Span(0, 5, 1))
    assert [(one.tracks, one.arrived) for one in found] == [(2, 2), (1, 0), (2, 1), (0, 0), (1, 1)]
    assert found[0].tracks + sum(one.arrived for one in found[1:]) == 4


def test_no_shorter_buckets_than_asked_for() -> None:
    assert span_of(NOW - 300, NOW, NOW, HOUR, least_step=10).step == 10
    assert span_of(NOW - 300, NOW, NOW, HOUR, least_step=3000).step == 3600


def test_a_face_that_the_page_shows_as_uncertain_counts_as_that() -> None:
    source = Recorded()
    faces = (
        face(1, "sad", 0.5, certain=False),
        face(2, "sad", 0.25, smoothed_emotion="happy"),
        face(3, "sad", 1.0),
    )
    source.frames.append(TimedFrame(captured_ns=10**9, faces=faces))
    (bucket,) = buckets(source, "door", Span(0, 5, 5))
    assert (bucket.uncertain, bucket.emotions) == (0.75, {"sad": 1.0})


def test_a_zone_counts_its_own_faces_only() -> None:
    source = Recorded()
    faces = (face(1, "sad", zones=("till",)), face(2, "happy", zones=("door", "till")), face(3, "happy"))
    source.frames.append(TimedFrame(captured_ns=10**9, faces=faces))
    (bucket,) = buckets(source, "door", Span(0, 5, 5), "door")
    assert (bucket.tracks, bucket.faces, bucket.emotions) == (1, 1.0, {"happy": 0.1})


@pytest.mark.parametrize(("unit", "step"), [("minute", 120), ("hour", 10_800)])
def test_everybody_is_counted_once_in_a_bucket_of_several(unit: str, step: int) -> None:
    source = Recorded()
    till = {"till": {"faces": 3, "arrived": 1, "stayed": 0, "seconds": {"sad": 2.0}}}
    source.rows = [
        row(unit, 0, faces=20, arrived=4, seconds={"happy": 30.0, "uncertain": 5.0}),
        row(unit, 1, faces=10, arrived=1, stayed=3, seconds={"happy": 10.0}, zones=till),
        row(unit, 3, faces=5, stayed=2, seconds={"sad": 1.0}),
    ]
    first, second = buckets(source, "door", Span(0, step * 2, step))
    assert (first.start, first.seconds, first.tracks, first.faces) == (0, step, 5, 1.5)
    assert (first.arrived, second.arrived) == (5, 0)
    assert (first.emotions, first.uncertain) == ({"happy": 40.0}, 5.0)
    assert (second.start, second.tracks) == (step, 2)
    in_zone = buckets(source, "door", Span(0, step * 2, step), "till")
    assert [(one.tracks, one.faces, one.emotions) for one in in_zone] == [(1, 0.15, {"sad": 2.0}), (0, 0, {})]
