"""The JSON of one result, as it lies in Redis and goes to the page (described in docs/redis.md)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.messages import Reading, Result

_encoder = msgspec.json.Encoder()


def result_json(
    result: Result,
    tracks: Sequence[int],
    smoothed: Sequence[Sequence[float]],
    ages_ns: Mapping[str, int],
    latency_ms: float,
) -> bytes:
    """Return one result as JSON.

    Args:
        result: as it came.
        tracks: number of each face's track.
        smoothed: smoothed probabilities of each face, in the order of the result's labels.
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
                _face(result.labels, face, track, smooth)
                for face, track, smooth in zip(result.faces, tracks, smoothed, strict=True)
            ],
            "excess": result.excess,
        }
    )


def timestamp(wall_ns: int) -> str:
    """Return wall clock nanoseconds as ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns // 1_000_000 % 1000:03d}Z"


def _face(labels: Sequence[str], face: Reading, track: int, smoothed: Sequence[float]) -> dict[str, Any]:
    best = max(range(len(smoothed)), key=smoothed.__getitem__)
    return {
        "track": track,
        "box": [round(value, 1) for value in face.box],
        "score": round(face.score, 3),
        "landmarks": [round(value, 1) for value in face.landmarks],
        "emotion": face.emotion,
        "certain": face.certain,
        "confidence": round(max(face.probabilities), 4),
        "probabilities": _by_label(labels, face.probabilities),
        "smoothed": _by_label(labels, smoothed),
        "smoothed_emotion": labels[best],
    }


def _by_label(labels: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    return {label: round(value, 4) for label, value in zip(labels, values, strict=True)}
