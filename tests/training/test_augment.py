"""Batches: repeatable, within range, and unchanged where nothing is to be varied."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from training.augment import CLEAN, Augmentation, Dice, batches, blurred, depopulated, mixed
from training.measure import enlarge

RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (40, 48, 48)).astype(np.uint8)
TARGETS = np.eye(4, dtype=np.float32)[np.arange(40) % 4]


def draw(steps, how=None, seed=1, size=32):
    drawn = batches(
        IMAGES, TARGETS, steps, batch_size=8, size=size, seed=seed, how=Augmentation() if how is None else how
    )
    return [(pictures.numpy(), targets.numpy()) for pictures, targets in drawn]


def test_a_batch_depends_on_seed_and_step_only():
    whole, resumed = draw(range(7)), draw(range(5, 7))
    for (pictures, targets), (again, targets_again) in zip(whole[5:], resumed, strict=True):
        np.testing.assert_array_equal(pictures, again)
        np.testing.assert_array_equal(targets, targets_again)
    assert not np.array_equal(whole[0][0], draw(range(1), seed=2)[0][0])


def test_an_epoch_shows_each_picture_once():
    shown = np.concatenate([pictures for pictures, _ in draw(range(5), CLEAN, size=48)])
    plain = np.sort(IMAGES.reshape(40, -1).astype(np.float32), axis=0)
    np.testing.assert_allclose(np.sort(shown.reshape(40, -1), axis=0), plain, atol=0.01)


def test_pictures_stay_grey_values_and_targets_stay_distributions():
    for pictures, targets in draw(range(5)):
        assert pictures.shape == (8, 32, 32, 1)
        assert pictures.dtype == np.float32
        assert pictures.min() >= 0
        assert pictures.max() <= 255
        np.testing.assert_allclose(targets.sum(1), 1, atol=1e-5)


def test_clean_batches_are_enlarged_as_evaluation_enlarges():
    pictures, targets = draw(range(1), CLEAN, size=96)[0]
    expected = enlarge(IMAGES, 96).numpy()
    for picture, target in zip(pictures, targets, strict=True):
        differences = np.abs(expected - picture).max(axis=(1, 2, 3))
        assert differences.min() < 0.05
        assert TARGETS[differences.argmin()].tolist() == target.tolist()


def test_mixup_keeps_at_least_half_of_each_picture():
    pictures, targets = mixed(
        tf.constant(IMAGES[:16, :, :, None], tf.float32), tf.constant(np.eye(16, dtype=np.float32)),
        Dice(1, tf.constant(3, tf.int64)), 1.0, 0.2,
    )  # fmt: skip
    own = np.diag(targets.numpy())
    assert own.min() >= 0.5
    assert own.max() < 1
    expected = own[3] * IMAGES[3].astype(np.float32) + (1 - own[3]) * IMAGES[2]
    np.testing.assert_allclose(pictures.numpy()[3, :, :, 0], expected, rtol=1e-3, atol=0.01)


def test_plain_augmentation_leaves_targets_alone():
    how = replace(Augmentation(), mixup_share=0.0)
    assert all(set(targets.ravel().tolist()) == {0.0, 1.0} for _, targets in draw(range(3), how))


def test_blur_spreads_and_keeps_the_mean():
    dot = np.zeros((1, 21, 21, 1), np.float32)
    dot[0, 10, 10] = 100
    soft = blurred(tf.constant(dot), tf.constant([1.0])).numpy()
    assert soft.sum() == pytest.approx(100, rel=1e-4)
    assert soft[0, 10, 10, 0] == pytest.approx(100 / (2 * np.pi), rel=0.02)
    np.testing.assert_allclose(blurred(tf.constant(dot), tf.constant([0.0])).numpy(), dot, atol=1e-4)


def test_the_last_rows_become_no_face_and_fit_no_class_better_than_another():
    images, targets = tf.constant(IMAGES[:8, :, :, None], tf.float32), tf.constant(TARGETS[:8])
    changed, answers = depopulated(images, targets, Dice(1, tf.constant(0, tf.int64)), 0.25)
    np.testing.assert_array_equal(changed[:6], images[:6])
    np.testing.assert_array_equal(answers[:6], targets[:6])
    np.testing.assert_array_equal(answers[6:], np.full((2, 4), 0.25))
    was, now = (np.sort(np.asarray(picture).ravel()) for picture in (images[6], changed[6]))
    np.testing.assert_array_equal(was, now)
    assert not np.array_equal(images[6], changed[6])
    steps = [float(tf.reduce_mean(tf.abs(p[1:] - p[:-1]))) for p in (images[7], changed[7])]
    assert steps[1] < steps[0] / 2
