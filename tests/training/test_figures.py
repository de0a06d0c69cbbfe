"""Temperature, calibration error, threshold and scores against cases whose answer is known."""

import numpy as np
import pytest

from training.calibrate import (
    bins,
    brier,
    calibration_error,
    cross_fitted,
    fit_temperature,
    fit_threshold,
    nll,
    softmax,
    to_logits,
)
from training.figures import compare, interval, measure
from training.measure import confusion, f1_scores, macro_f1

RNG = np.random.default_rng(0)


def honest(count, sharpness=1.0):
    """Return logits, `sharpness` times too sharp, and labels drawn from their softmax."""
    logits = RNG.normal(0, 1.5, (count, 4))
    odds = softmax(logits)
    labels = (odds.cumsum(1) > RNG.random((count, 1))).argmax(1)
    return sharpness * logits, labels


def test_the_temperature_undoes_what_sharpened_the_logits():
    logits, labels = honest(6000, 2.5)
    assert fit_temperature(logits, labels) == pytest.approx(2.5, rel=0.08)


def test_cross_fitted_probabilities_are_calibrated_where_the_raw_are_not():
    logits, labels = honest(6000, 3.0)
    raw = calibration_error(softmax(logits), labels)
    assert raw > 0.1
    assert calibration_error(cross_fitted(logits, labels), labels) < 0.04


def test_logits_come_back_from_probabilities():
    logits, _ = honest(50)
    again = to_logits(softmax(logits / 1.7).astype(np.float32), 1.7)
    np.testing.assert_allclose(softmax(again), softmax(logits), atol=1e-5)


def test_calibration_error_of_a_known_case():
    probabilities = np.tile([[0.8, 0.2]], (10, 1))
    labels = np.array([0] * 5 + [1] * 5)
    assert calibration_error(probabilities, labels, 1) == pytest.approx(0.3)
    assert bins(probabilities, labels, 2)[:, 0].tolist() == [0.5, 0.5]
    assert nll(probabilities, labels) == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)
    assert brier(probabilities, labels) == pytest.approx((0.08 + 1.28) / 2)


def test_the_threshold_lets_its_share_pass():
    logits, _ = honest(1000)
    probabilities = softmax(logits)
    threshold = fit_threshold(probabilities, 0.7)
    assert (probabilities.max(1) >= threshold).mean() == pytest.approx(0.7, abs=0.01)


def test_scores_of_a_known_confusion():
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 2])
    matrix = confusion(labels, predicted, 4)
    assert matrix[0].tolist() == [2, 1, 0, 0]
    np.testing.assert_allclose(f1_scores(matrix), [2 / 3, 0.5, 1, 0])
    assert macro_f1(labels, predicted, 4) == pytest.approx((2 / 3 + 0.5 + 1) / 4)


def test_measure_reports_every_class_and_those_certain():
    logits, labels = honest(800)
    probabilities = softmax(logits).astype(np.float32)
    found = measure(probabilities, labels, ("a", "b", "c", "d"), temperature=1.0, threshold=0.6)
    certain = probabilities.max(1) >= 0.6
    assert found.certain_share == pytest.approx(certain.mean())
    assert found.certain_accuracy > found.accuracy
    assert sum(figures.support for figures in found.per_class.values()) == 800
    low, high = interval(probabilities, labels, rounds=50)["accuracy"]
    assert low < found.accuracy < high


def test_parity_counts_disagreement_and_where_it_is_clear():
    reference = np.array([[0.9, 0.1], [0.52, 0.48], [0.2, 0.8]], np.float32)
    other = np.array([[0.9, 0.1], [0.49, 0.51], [0.2, 0.8]], np.float32)
    found = compare(other, reference, np.array([0, 0, 1]), "model.tflite")
    assert found.agreement == pytest.approx(2 / 3)
    assert found.clear_agreement == 1
    assert found.accuracy_difference == pytest.approx(-1 / 3)
    assert found.largest_difference == pytest.approx(0.03, abs=1e-6)
