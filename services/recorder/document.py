"""The JSON of one result, as it lies in Redis and goes to the page (described in docs/redis.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.recorder.counts import Sighting
from shared.messages import Reading, Result
from shared.timestamp import timestamp

_encoder = msgspec.json.Encoder()


def result_json(
    result: Result, sightings: Sequence[Sighting], ages_ns: Mapping[str, int], latency_ms: float
) -> bytes:
    """Return one result as JSON.

    Args:
        result: as it came.
        sightings: of each face.
        ages_ns: stage → the frame's age when that stage ended.
        latency_ms: from capture to this moment.
    """
    return _encoder.encode(
        {
            "camera": result.camera,
            "run": result.run,
            "sequence": result.sequence,
            "captured_at": timestamp(result.captured_ns),
            "captured_ns": result.captured_ns,
            "live": result.live,
            "media_seconds": result.media_seconds,
            "width": result.width,
            "height": result.height,
            "latency_ms": round(latency_ms, 1),
            "ages_ms": {stage: round(age / 1e6, 1) for stage, age in ages_ns.items()},
            "detector": result.detector,
            "model": result.model,
            "backend": result.backend,
            "faces": [
                _face(result.labels, face, seen) for face, seen in zip(result.faces, sightings, strict=True)
            ],
            "excess": result.excess,
        }
    )


def _face(labels: Sequence[str], face: Reading, seen: Sighting) -> dict[str, Any]:
    return {
        "track": seen.track,
        "seconds": seen.seconds,
        "box": [round(value, 1) for value in face.box],
        "score": round(face.score, 3),
        "landmarks": [round(value, 1) for value in face.landmarks],
        "zones": face.zones,
        "emotion": face.emotion,
        "certain": face.certain,
        "confidence": round(max(face.probabilities), 4),
        "probabilities": _by_label(labels, face.probabilities),
        "smoothed": _by_label(labels, seen.smoothed),
        "smoothed_emotion": seen.emotion,
    }


def _by_label(labels: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    return {label: round(value, 4) for label, value in zip(labels, values, strict=True)}
