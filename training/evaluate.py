"""Measures all files of an artefact side by side on labelled pictures, and writes down what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.artefact import Artefact, Metrics
from shared.errors import DataError
from training.data import Pictures, load_split
from training.faces import load_detected
from training.figures import interval, measure
from training.runners import open_file

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Evaluation:
    """Figures of each file; `missed` are the labels of pictures in which a detector found no face."""

    pictures: Pictures
    probabilities: dict[str, NDArray[np.float32]]
    metrics: dict[str, Metrics]
    intervals: dict[str, dict[str, tuple[float, float]]]
    temperatures: dict[str, float]
    missed: tuple[int, ...] = ()

    def accuracy_with_missed(self, name: str) -> float:
        """Accuracy where a face that was not found counts as wrong."""
        found = len(self.pictures)
        return self.metrics[name].accuracy * found / (found + len(self.missed))


def find_pictures(data: Path, labels: tuple[str, ...]) -> Path:
    """The folder that holds one folder per label: `data`, or its `validation` or `test`; DataError where none
    does.
    """
    for folder in (data, *(data / split for split in SPLITS)):
        if folder.is_dir() and all((folder / label).is_dir() for label in labels):
            return folder
    raise DataError(f"{data} has no folders {', '.join(labels)}, nor has a validation or test folder in it")


def evaluate(
    artefact: Artefact, data: Path, files: Sequence[str] = (), *, detect: bool = False, rounds: int = 1000
) -> Evaluation:
    """Run `files` (all where empty) on the pictures of `data`; `rounds` of the bootstrap give the
    intervals.
    """
    card = artefact.card
    folder = find_pictures(data, card.labels)
    missed: list[int] = []
    if detect:
        pictures, missed = load_detected(folder, card.labels)
    else:
        pictures, _ = load_split(folder, card.labels, card.native_size, root=folder)
    names = tuple(files) or tuple(card.files)
    outputs = {name: open_file(artefact, name)(pictures.images) for name in names}
    temperatures = {name: card.files[name].temperature for name in names}
    metrics = {
        name: measure(
            outputs[name],
            pictures.labels,
            card.labels,
            temperature=temperatures[name],
            threshold=card.files[name].uncertain_threshold,
        )
        for name in names
    }
    intervals = {name: interval(outputs[name], pictures.labels, rounds) for name in names}
    return Evaluation(pictures, outputs, metrics, intervals, temperatures, tuple(missed))
