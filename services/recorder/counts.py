"""What one recorded frame adds to its minute, and what the metrics say of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from shared.emotions import UNCERTAIN
from shared.messages import Reading
from shared.records import LATENCY_BUCKETS_MS
from shared.topology import STAGES


def minute_counts(faces: Sequence[Reading], seconds: Sequence[float], latency_ms: float) -> dict[str, float]:
    """Return name → increment: frames, faces, uncertain, emotion:LABEL, seconds:LABEL, latency:BUCKET.

    Args:
        faces: of the frame.
        seconds: for each face, how long its track has been in view since the frame before.
        latency_ms: from capture to writing.
    """
    counts: dict[str, float] = {"frames": 1, f"latency:{latency_bucket(latency_ms)}": 1}
    if faces:
        counts["faces"] = len(faces)
    for label, number in emotion_counts(faces).items():
        counts[UNCERTAIN if label == UNCERTAIN else f"emotion:{label}"] = number
    for face, passed in zip(faces, seconds, strict=True):
        name = f"seconds:{label_of(face)}"
        if passed:
            counts[name] = round(counts.get(name, 0) + passed, 3)
    return counts


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
    known = [(stage, ages_ns[stage]) for stage in STAGES if stage in ages_ns]
    return {stage: max(0, age - before) / 1e9 for (_, before), (stage, age) in pairwise([("", 0), *known])}
