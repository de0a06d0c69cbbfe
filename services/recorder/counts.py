"""What one recorded frame adds to its minute and hour, and what the metrics say of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from shared.emotions import UNCERTAIN
from shared.messages import Reading
from shared.records import LATENCY_BUCKETS_MS
from shared.stages import times_in_stages

MAX_SECONDS: Final = 1.0
"""A face is taken to have been in view since it was last seen, but at most for so long."""


class Sighting(NamedTuple):
    """One face of a frame, followed and smoothed."""

    track: int
    smoothed: Sequence[float]
    """Smoothed probabilities, in the order of the result's labels."""
    emotion: str
    """The label that they favour."""
    seconds: float
    """How long the face has been in view since it was last seen, at most `MAX_SECONDS`; 0 at first sight."""


def sighting(labels: Sequence[str], track: int, smoothed: Sequence[float], passed: float | None) -> Sighting:
    """Return a face as it was followed; `passed`: seconds since it was last seen, None if it never was."""
    emotion = labels[max(range(len(smoothed)), key=smoothed.__getitem__)]
    return Sighting(track, smoothed, emotion, round(min(max(passed or 0.0, 0.0), MAX_SECONDS), 3))


def shown_label(face: Reading, seen: Sighting) -> str:
    """Return what a face is shown as: its smoothed emotion, if the frame is certain and says the same."""
    return seen.emotion if face.certain and face.emotion == seen.emotion else UNCERTAIN


def minute_counts(
    faces: Sequence[Reading],
    sightings: Sequence[Sighting],
    presence: Mapping[str, Mapping[str, int]],
    latency_ms: float,
) -> dict[str, float]:
    """Return name → increment, as docs/redis.md describes them.

    Args:
        faces: of the frame.
        sightings: of each face.
        presence: what `Presence.see` said of the frame.
        latency_ms: from capture to writing.
    """
    counts: dict[str, float] = {"frames": 1, f"latency:{latency_bucket(latency_ms)}": 1}
    if faces:
        counts["faces"] = len(faces)
    for label, number in emotion_counts(faces).items():
        counts[UNCERTAIN if label == UNCERTAIN else f"emotion:{label}"] = number
    for place, people in presence.items():
        counts.update({_of_place(place, name): number for name, number in people.items()})
    for face, seen in zip(faces, sightings, strict=True):
        name = f"seconds:{shown_label(face, seen)}"
        _add(counts, name, seen.seconds)
        for zone in face.zones:
            if zone in presence:
                _add(counts, _of_place(zone, "faces"), 1)
                _add(counts, _of_place(zone, name), seen.seconds)
    return counts


def hour_counts(counts: Mapping[str, float], minute: int) -> dict[str, float]:
    """Return what a frame adds to its hour: the counts that a timeline of days is made of.

    Args:
        counts: of its minute.
        minute: minutes since 1970; who stayed from the minute before counts in an hour's first one only.
    """
    left_out = ("latency:", "emotion:", UNCERTAIN)
    return {
        name: number
        for name, number in counts.items()
        if not name.startswith(left_out) and (minute % 60 == 0 or not name.endswith("stayed"))
    }


def _of_place(place: str, name: str) -> str:
    return f"zone:{place}:{name}" if place else name


def _add(counts: dict[str, float], name: str, number: float) -> None:
    if number:
        counts[name] = round(counts.get(name, 0) + number, 3)


def emotion_counts(faces: Sequence[Reading]) -> dict[str, int]:
    """Return label (or `uncertain`) → faces."""
    return dict(Counter(label_of(face) for face in faces))


def label_of(face: Reading) -> str:
    """Return the label under which a face is counted."""
    return face.emotion if face.certain else UNCERTAIN


def latency_bucket(latency_ms: float) -> str:
    """Return the smallest bucket bound (in ms) that is not below, or `inf`."""
    return next((str(bound) for bound in LATENCY_BUCKETS_MS if latency_ms <= bound), "inf")


def stage_seconds(ages_ns: Mapping[str, int]) -> dict[str, float]:
    """Return how long a frame spent in each stage, from its age at each stage's end."""
    return {stage: passed_ns / 1e9 for stage, passed_ns in times_in_stages(ages_ns).items()}
