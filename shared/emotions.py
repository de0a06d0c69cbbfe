"""The seven emotions in their one order, which every probability vector, table and plot keeps."""

from typing import Final

EMOTIONS: Final = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

UNCERTAIN: Final = "uncertain"
"""Label of a face whose highest probability stays below the model's threshold."""
