"""Makes probabilities honest: temperature, calibration error, and the threshold below which a face is
uncertain.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from training.data import stratified

BINS = 15
CERTAIN_SHARE = 0.705
"""Share of validation faces that the threshold lets pass. The aim is at least 0.70 of faces, certain with at
least 0.80 right among them; a higher threshold than needed for that share also stops more non-faces."""
TEMPERATURES = (0.05, 20.0)

Probabilities = NDArray[np.float32]
Labels = NDArray[np.int64]


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, classes) probabilities of (N, classes) logits."""
    shifted = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
    normal: NDArray[np.float64] = shifted / shifted.sum(1, keepdims=True)
    return normal


def to_logits(probabilities: Probabilities, temperature: float = 1.0) -> NDArray[np.float64]:
    """Logits before a temperature was applied, up to a constant a row: T * log p."""
    logits: NDArray[np.float64] = temperature * np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    return logits


def nll(probabilities: NDArray[np.floating], labels: Labels) -> float:
    """Mean negative log-likelihood in nats."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_truth, 1e-12)).mean())


def brier(probabilities: NDArray[np.floating], labels: Labels) -> float:
    """Mean squared distance to the one-hot truth, summed over classes: 0 best, 2 worst (Brier, 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.square(probabilities - truth).sum(1).mean())


def fit_temperature(logits: NDArray[np.floating], labels: Labels) -> float:
    """Temperature with the least NLL on (N, classes) logits (Guo et al., 2017); 1 where there are none."""
    if not len(labels):
        return 1.0
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log: nll(softmax(logits / np.exp(log)), labels), bounds=(low, high), method="bounded"
    )
    return float(np.exp(found.x))


def cross_fitted(logits: NDArray[np.floating], labels: Labels, seed: int = 0) -> NDArray[np.float64]:
    """(N, classes) probabilities at a temperature fitted on the other one of two stratified halves."""
    half = stratified(labels, 0.5, seed)
    out = np.empty(logits.shape, np.float64)
    for here in (half, ~half):
        out[here] = softmax(logits[here] / fit_temperature(logits[~here], labels[~here]))
    return out


def bins(probabilities: NDArray[np.floating], labels: Labels, count: int = BINS) -> NDArray[np.float64]:
    """(count, 3): share of pictures, mean confidence and accuracy in equal-mass bins of top probability."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    order = np.array_split(np.argsort(confidence, kind="stable"), min(count, len(labels)))
    return np.array(
        [(len(part) / len(labels), confidence[part].mean(), right[part].mean()) for part in order]
    )


def calibration_error(probabilities: NDArray[np.floating], labels: Labels, count: int = BINS) -> float:
    """Expected calibration error over equal-mass bins: mean distance of confidence and accuracy."""
    table = bins(probabilities, labels, count)
    return float((table[:, 0] * np.abs(table[:, 1] - table[:, 2])).sum())


def fit_threshold(probabilities: NDArray[np.floating], share: float = CERTAIN_SHARE) -> float:
    """The top probability that a `share` of the faces reach."""
    return float(np.quantile(probabilities.max(1), 1 - share))
