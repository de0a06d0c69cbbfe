"""Faces and emotions in pictures: `from shared.vision import analyze`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.vision.analysis import analyze
    from shared.vision.analysis_records import Analysis, FaceAnalysis
    from shared.vision.drawing import annotate

__all__ = ["Analysis", "FaceAnalysis", "analyze", "annotate"]

_HOMES = {
    "Analysis": "analysis_records",
    "FaceAnalysis": "analysis_records",
    "analyze": "analysis",
    "annotate": "drawing",
}


def __getattr__(name: str) -> Any:
    """Import on first use: a detector needs no LiteRT, a classifier no detector."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
