"""Accuracy and macro-F1 of predictions, shared by training and evaluation."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.data import Pictures
from training.progress import bar


def enlarge(images: NDArray[np.uint8], size: int) -> tf.Tensor:
    """(N, S, S) uint8 to (N, size, size, 1) float32 0..255, bilinear with half-pixel centres."""
    pictures = tf.cast(images[..., None], tf.float32)
    return pictures if images.shape[1] == size else tf.image.resize(pictures, (size, size), "bilinear")


def predict(
    network: Callable[[tf.Tensor], tf.Tensor],
    images: NDArray[np.uint8],
    size: int,
    batch_size: int = 64,
    what: str = "",
) -> NDArray[np.float32]:
    """(N, classes) float32 outputs of `network` for native (N, S, S) uint8 pictures, in their order; with a
    bar that says `what` they are.
    """
    starts = range(0, len(images), batch_size)
    shown = bar(starts, what) if what else starts
    parts = [network(enlarge(images[start : start + batch_size], size)).numpy() for start in shown]
    return np.concatenate(parts)


def score(network: Callable[[tf.Tensor], tf.Tensor], pictures: Pictures, size: int) -> tuple[float, float]:
    """Accuracy and macro-F1 of a network on labelled pictures, enlarged to `size`."""
    chosen = predict(network, pictures.images, size).argmax(1)
    f1 = macro_f1(pictures.labels, chosen, len(pictures.classes))
    return accuracy(pictures.labels, chosen), f1


def confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts: row = true class, column = predicted class."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def f1_scores(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 of each class from a confusion matrix: 2 TP / (2 TP + FP + FN), 0 where a class never occurs."""
    hits = np.diag(matrix)
    total = matrix.sum(0) + matrix.sum(1)
    scores: NDArray[np.float64] = np.divide(2 * hits, total, out=np.zeros(len(matrix)), where=total > 0)
    return scores


def accuracy(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Share of right answers."""
    return float(np.mean(labels == predicted))


def macro_f1(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """Unweighted mean of the F1 of all classes."""
    return float(f1_scores(confusion(labels, predicted, classes)).mean())
