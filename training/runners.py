"""Runs the files of an artefact on pictures, each through the same preprocessing as live crops."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.artefact import Artefact
from shared.errors import ArtefactError
from shared.vision.align import to_input
from shared.vision.predict import Predictor
from training.progress import bar

CHUNK = 32


class Runner:
    """An artefact's file, with a bar while it runs.

    Args:
        name: of the file.
        predict: from (N, H, H) uint8 grey crops of any side to (N, classes) float32 probabilities.
    """

    def __init__(self, name: str, predict: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> None:
        self._name, self._predict = name, predict

    def __call__(self, crops: NDArray[np.uint8], what: str = "") -> NDArray[np.float32]:
        """Probabilities of (N, H, H) uint8 crops; `what` they are stands beside the bar."""
        starts = range(0, len(crops), CHUNK)
        shown = bar(starts, f"{self._name}, {what}" if what else self._name)
        return np.concatenate([self._predict(crops[start : start + CHUNK]) for start in shown])


class KerasRunner:
    """A saved Keras model; ArtefactError where it can't be loaded."""

    def __init__(self, path: Path, native_size: int, input_size: int) -> None:
        try:
            model = keras.models.load_model(path, compile=False)
        except Exception as error:  # Keras raises whatever its parts raise
            raise ArtefactError(f"{path} can't be loaded by Keras: {str(error)[:200]}") from None
        self._graph = tf.function(
            lambda grey: model(grey, training=False), autograph=False, reduce_retracing=True
        )
        self._sizes = native_size, input_size

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of (N, H, H) uint8 crops."""
        found: NDArray[np.float32] = self._graph(to_input(crops, *self._sizes)).numpy()
        return found


def open_file(artefact: Artefact, name: str, threads: int = 1) -> Runner:
    """The runner of an artefact's file, by its kind."""
    card = artefact.card
    if name.endswith(".keras"):
        return Runner(name, KerasRunner(artefact.file(name), card.native_size, card.input_size))
    return Runner(name, Predictor(artefact, name, threads).predict)
