"""Emotion probabilities by TensorFlow, from an artefact's Keras model: what a GPU worker runs."""

from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.artefact import Artefact
from shared.errors import ArtefactError
from shared.vision.align import to_input
from shared.vision.batches import GPU_BUCKETS, pad, split
from shared.vision.predict import check_contract, check_probabilities

FILE: Final = "model.keras"
WASTE: Final = 1.0
"""A GPU takes as long for a padded batch as for a full one."""


class TensorFlowBackend:
    """One traced graph per batch size, all traced before the first frame, so that none is traced later.

    Args:
        artefact: a checked model folder.
        gpu: UUID of the GPU that CUDA_VISIBLE_DEVICES pins; None: CPU.

    Raises:
        ArtefactError: the model can't be loaded, or isn't what its card says.
    """

    name = "tensorflow model.keras"

    def __init__(self, artefact: Artefact, gpu: str | None = None) -> None:
        _grow_memory()
        card = artefact.card
        check_contract(card)
        self.device = gpu or "cpu"
        self.labels = tuple(card.labels)
        self.uncertain_threshold = card.files[FILE].uncertain_threshold
        self.sha12 = card.files[FILE].sha256[:12]
        self.model_name = card.name
        self.provisional = card.provisional
        self._native_size, self._input_size = card.native_size, card.input_size
        model = _load(str(artefact.file(FILE)))
        self._graphs = {bucket: self._trace(model, bucket) for bucket in GPU_BUCKETS}
        for bucket in GPU_BUCKETS:
            crops = np.zeros((bucket, self._input_size, self._input_size, 1), np.uint8)
            check_probabilities(self._run(crops, bucket), len(self.labels), str(artefact.file(FILE)))

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, K) calibrated probabilities, in the order of `labels`, of (N, 96, 96) uint8 crops."""
        inputs = to_input(crops, self._native_size, self._input_size)
        out = np.empty((len(crops), len(self.labels)), np.float32)
        start = 0
        for count, bucket in split(len(crops), GPU_BUCKETS, WASTE):
            out[start : start + count] = self._run(inputs[start : start + count], bucket)
            start += count
        return out

    def _run(self, batch: NDArray[np.uint8], bucket: int) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = self._graphs[bucket](tf.constant(pad(batch, bucket))).numpy()
        return answer[: len(batch)]

    def _trace(self, model: Any, bucket: int) -> Any:  # Keras and TensorFlow have no annotations
        shape = (bucket, self._input_size, self._input_size, 1)
        graph = tf.function(lambda batch: model(batch, training=False))
        return graph.get_concrete_function(tf.TensorSpec(shape, tf.uint8))


def _grow_memory() -> None:
    """Take GPU memory as it is needed; TensorFlow otherwise takes all of it at once."""
    for device in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(device, True)
        except RuntimeError:  # already initialised by an earlier model, with growth on
            return


def _load(path: str) -> Any:
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parts raise
        raise ArtefactError(f"{path} can't be loaded by Keras: {str(error)[:200]}") from None
