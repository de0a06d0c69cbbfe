"""What can turn crops into probabilities, and which of them the settings and this machine ask for."""

import time
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.artefact import DEFAULT_ARTEFACT, load_artefact
from shared.config import ClassifierSettings
from shared.emotions import EMOTIONS
from shared.errors import ConfigError


class Backend(Protocol):
    """A loaded network."""

    name: str
    """How it is run, as in results: `litert model_int8.tflite`."""
    device: str
    """`cpu` or the GPU's UUID."""
    labels: tuple[str, ...]
    uncertain_threshold: float
    """A face whose highest probability is lower is uncertain."""
    model_name: str
    """As its card calls it."""
    sha12: str
    """First 12 hex digits of the model file's SHA-256."""
    provisional: bool
    """Whether the model only stands in for a better one, as its card says."""

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, K) calibrated probabilities of (N, 96, 96) uint8 crops."""


class SleepBackend:
    """Holds each batch a fixed time without using a processor: stands for a GPU in scaling measurements."""

    name = "sleep"
    device = "none"
    labels: tuple[str, ...] = EMOTIONS
    uncertain_threshold = 0.0
    model_name = "sleep"
    sha12 = "sleep"
    provisional = False

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return uniform probabilities, after the time."""
        time.sleep(self._seconds)
        return np.full((len(crops), len(self.labels)), 1 / len(self.labels), np.float32)


def load_backend(settings: ClassifierSettings, model: Path | None, gpu: str | None) -> Backend:
    """Return the backend that the settings ask for, warmed up.

    Args:
        settings: backend, file, threads.
        model: artefact folder; None: that of the settings, or the one that ships.
        gpu: UUID of the GPU this process has claimed.

    Raises:
        ArtefactError: the artefact can't be used.
        ConfigError: the backend isn't installed.
    """
    if settings.backend == "sleep":
        return SleepBackend(settings.sleep)
    artefact = load_artefact(model or settings.model or DEFAULT_ARTEFACT)
    if settings.backend == "tensorflow" or (settings.backend == "auto" and gpu):
        try:
            from services.classifier.tensorflow_backend import TensorFlowBackend
        except ModuleNotFoundError as error:
            remedy = "install it (pip install 'mien[gpu]'), or choose litert"
            raise ConfigError(f"classifier.backend: TensorFlow can't be used ({error}): {remedy}") from None
        return TensorFlowBackend(artefact, gpu)
    from shared.vision.predict import Predictor

    predictor = Predictor(artefact, settings.file, settings.threads)
    predictor.warm_up()
    return predictor
