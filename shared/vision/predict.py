"""Emotion probabilities from crops, by an artefact's TensorFlow Lite file on LiteRT."""

from typing import Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from shared.artefact import Artefact, Card
from shared.errors import ArtefactError
from shared.vision.align import FER_BOX, to_input
from shared.vision.batches import CPU_BUCKETS, pad, split

WASTE: Final = 0.25
"""Three crops in a batch of four take as long as three alone; two take longer."""


class Predictor:
    """One network, ready to predict; an interpreter per batch size is built by `warm_up` or when needed.

    Args:
        artefact: a checked model folder.
        file: name of the `.tflite` file in it.
        threads: of LiteRT.

    Raises:
        ArtefactError: the file can't be run, or isn't what its card says.
    """

    device = "cpu"

    def __init__(self, artefact: Artefact, file: str, threads: int) -> None:
        card = artefact.card
        check_contract(card)
        self._path = artefact.file(file)
        self.name = f"litert {file}"
        self.labels = tuple(card.labels)
        self.uncertain_threshold = card.files[file].uncertain_threshold
        self.sha12 = card.files[file].sha256[:12]
        self.model_name = card.name
        self.provisional = card.provisional
        self._native_size, self._input_size = card.native_size, card.input_size
        self._threads = threads
        self._interpreters: dict[int, Any] = {}
        self._check()

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, K) calibrated probabilities, in the order of `labels`, of (N, 96, 96) uint8 crops."""
        inputs = to_input(crops, self._native_size, self._input_size)
        out = np.empty((len(crops), len(self.labels)), np.float32)
        start = 0
        for count, bucket in split(len(crops), CPU_BUCKETS, WASTE):
            out[start : start + count] = self._run(inputs[start : start + count], bucket)
            start += count
        return out

    def warm_up(self) -> None:
        """Build and run every batch size now, so that none costs time or memory later."""
        for bucket in CPU_BUCKETS:
            self._run(np.zeros((bucket, self._input_size, self._input_size, 1), np.uint8), bucket)

    def _run(self, batch: NDArray[np.uint8], bucket: int) -> NDArray[np.float32]:
        interpreter = self._interpreters.get(bucket) or self._build(bucket)
        interpreter.set_tensor(self._input, pad(batch, bucket))
        interpreter.invoke()
        result: NDArray[np.float32] = interpreter.get_tensor(self._output)
        return result[: len(batch)]

    def _build(self, bucket: int) -> Any:  # LiteRT has no annotations
        try:
            interpreter = Interpreter(model_path=str(self._path), num_threads=self._threads)
            self._input = interpreter.get_input_details()[0]["index"]
            self._output = interpreter.get_output_details()[0]["index"]
            interpreter.resize_tensor_input(self._input, (bucket, self._input_size, self._input_size, 1))
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ArtefactError(f"{self._path} can't be run by LiteRT: {str(error)[:200]}") from None
        self._interpreters[bucket] = interpreter
        return interpreter

    def _check(self) -> None:
        """Run a black crop through the network, which must answer as its card says."""
        self._build(1)
        try:
            answer = self._run(np.zeros((1, self._input_size, self._input_size, 1), np.uint8), 1)
        except (ValueError, RuntimeError) as error:
            raise ArtefactError(f"{self._path} can't be run by LiteRT: {str(error)[:200]}") from None
        check_probabilities(answer, len(self.labels), str(self._path))


def check_contract(card: Card) -> None:
    """Refuse a model that was made for faces cut in another way.

    Raises:
        ArtefactError: its crop contract isn't this program's.
    """
    if card.crop.name != FER_BOX.name:
        raise ArtefactError(
            f"model {card.name} wants crops framed as {card.crop.name}, this version cuts {FER_BOX.name}: "
            "export it with this version"
        )


def check_probabilities(probabilities: NDArray[np.float32], classes: int, name: str) -> None:
    """Refuse a network whose answer can't be probabilities.

    Raises:
        ArtefactError: another number of classes, not finite, negative, or not summing to 1.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != classes:
        raise ArtefactError(f"{name} answers {probabilities.shape}, its card names {classes} labels")
    sums = probabilities.sum(axis=1)
    if not (np.isfinite(sums).all() and (probabilities >= 0).all() and np.allclose(sums, 1, atol=1e-3)):
        raise ArtefactError(f"{name} does not give probabilities: export it with its softmax")
