"""A teacher for distillation: the mean of trained networks, softened, on the same augmented picture."""

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from shared.errors import DataError
from training.learner import DISTILL_TEMPERATURE, Teacher
from training.model import rebuilt
from training.outcome import load_trained


def load_teacher(runs: Sequence[Path], classes: tuple[str, ...]) -> Teacher:
    """The mean of the best networks of `runs`; each sees the picture at the size it was trained for.

    Raises DataError where a run has no weights or other classes.
    """
    members = [load_network(run, classes) for run in runs]

    def teach(pictures: tf.Tensor) -> tf.Tensor:
        soft = []
        for network, size in members:
            resized = tf.image.resize(pictures, (size, size), "bilinear")
            soft.append(tf.nn.softmax(network(resized, training=False) / DISTILL_TEMPERATURE))
        return tf.add_n(soft) / len(soft)

    return teach


def load_network(run: Path, classes: tuple[str, ...]) -> tuple[keras.Model, int]:
    """The best network of a run, frozen, and its input side; DataError where it knows other classes."""
    trained = load_trained(run)
    about = trained.about
    if about.classes != classes:
        raise DataError(f"{run} knows other classes ({', '.join(about.classes)})")
    network = rebuilt(trained)
    network.trainable = False
    return network, about.size
