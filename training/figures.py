"""Computes what a card and an evaluation say about a file, from its probabilities."""

import numpy as np
from numpy.typing import NDArray

from shared.artefact import ClassFigures, Metrics, Parity
from training.calibrate import brier, calibration_error, cross_fitted, nll, to_logits
from training.measure import accuracy, confusion, f1_scores, macro_f1

CLEAR_MARGIN = 0.1


def per_class(matrix: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, ClassFigures]:
    """Precision, recall and F1 of each class from a confusion matrix (rows true, columns predicted)."""
    hits, scores = np.diag(matrix), f1_scores(matrix)
    precision = hits / np.maximum(matrix.sum(0), 1)
    recall = hits / np.maximum(matrix.sum(1), 1)
    return {
        name: ClassFigures(float(precision[i]), float(recall[i]), float(scores[i]), int(matrix[i].sum()))
        for i, name in enumerate(classes)
    }


def measure(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    temperature: float,
    threshold: float,
) -> Metrics:
    """All figures of a file whose graph holds `temperature`, on labelled pictures.

    Calibration (ECE, NLL, Brier) is cross-fitted: each half at a temperature fitted on the other one.
    """
    predicted = probabilities.argmax(1)
    fitted = cross_fitted(to_logits(probabilities, temperature), labels)
    certain = probabilities.max(1) >= threshold
    return Metrics(
        pictures=len(labels),
        accuracy=accuracy(labels, predicted),
        macro_f1=macro_f1(labels, predicted, len(classes)),
        ece=calibration_error(fitted, labels),
        nll=nll(fitted, labels),
        brier=brier(fitted, labels),
        certain_share=float(certain.mean()),
        certain_accuracy=accuracy(labels[certain], predicted[certain]) if certain.any() else 0.0,
        per_class=per_class(confusion(labels, predicted, len(classes)), classes),
    )


def compare(
    probabilities: NDArray[np.float32],
    reference: NDArray[np.float32],
    labels: NDArray[np.int64],
    name: str,
) -> Parity:
    """How far (N, classes) probabilities depart from those of the file `name` on the same pictures."""
    ours, theirs = probabilities.argmax(1), reference.argmax(1)
    ordered = np.sort(reference, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > CLEAR_MARGIN
    same, classes = ours == theirs, probabilities.shape[1]
    return Parity(
        reference=name,
        pictures=len(labels),
        largest_difference=float(np.abs(probabilities - reference).max()),
        agreement=float(same.mean()),
        clear_agreement=float(same[clear].mean()) if clear.any() else 1.0,
        accuracy_difference=accuracy(labels, ours) - accuracy(labels, theirs),
        macro_f1_difference=macro_f1(labels, ours, classes) - macro_f1(labels, theirs, classes),
        largest_sum_error=float(np.abs(probabilities.sum(1) - 1).max()),
    )


def interval(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], rounds: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals (percentiles over `rounds` resamples) of accuracy, macro-F1 and ECE."""
    rng = np.random.default_rng(seed)
    predicted, classes = probabilities.argmax(1), probabilities.shape[1]
    drawn = []
    for _ in range(rounds):
        chosen = rng.integers(0, len(labels), len(labels))
        truth = labels[chosen]
        f1 = macro_f1(truth, predicted[chosen], classes)
        drawn.append(
            (accuracy(truth, predicted[chosen]), f1, calibration_error(probabilities[chosen], truth))
        )
    low, high = np.percentile(np.array(drawn), (2.5, 97.5), axis=0)
    names = ("accuracy", "macro_f1", "ece")
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}
