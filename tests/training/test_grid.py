"""Kernels on the grid of int8: one scale a channel, 255 steps, nothing moved further than half a step."""

import numpy as np
import pytest

from training.augment import clean_batches
from training.backbones import find_backbone
from training.data import Pictures
from training.grid import on_int8_grid, rounded
from training.model import build_classifier, rebuilt
from training.outcome import Best, Trained
from training.recipe import Recipe


@pytest.mark.parametrize(("shape", "shared"), [((3, 3, 4, 8), (0, 1, 2)), ((3, 3, 8, 1), (0, 1))])
def test_each_channel_keeps_its_largest_value_and_moves_by_half_a_step_at_most(shape, shared):
    kernel = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    result, largest = rounded(kernel, shared), np.abs(kernel).max(axis=shared, keepdims=True)
    np.testing.assert_allclose(np.abs(result).max(axis=shared, keepdims=True), largest, rtol=1e-6)
    assert np.all(np.abs(result - kernel) <= largest / 127 * 0.5001)
    steps = result / (largest / 127)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_a_channel_of_zeros_stays_so_and_rounding_twice_changes_nothing():
    kernel = np.random.default_rng(4).normal(size=(3, 3, 2, 3)).astype(np.float32)
    kernel[..., 1] = 0
    once = rounded(kernel, (0, 1, 2))
    assert not once[..., 1].any()
    np.testing.assert_allclose(rounded(once, (0, 1, 2)), once, rtol=1e-6, atol=1e-7)


def test_batch_norms_follow_the_rounded_kernels(tiny_backbone):
    images = np.random.default_rng(5).integers(0, 256, (8, 48, 48)).astype(np.uint8)
    names = tuple(map(str, range(8)))
    pictures = Pictures(images, np.zeros(8, np.int64), names, names, ("one", "other"))
    weights = build_classifier(find_backbone("tiny"), 2).network.get_weights()
    about = Best("tiny", pictures.classes, 32, 48, 0.5, 0.5, "stage final, epoch 1", 0, 1, Recipe(()))
    trunk = rebuilt(on_int8_grid(Trained(about, weights), pictures)).get_layer("trunk")
    (clean,) = clean_batches(images, 1, batch_size=8, size=32)
    scaled = clean.numpy().repeat(3, axis=-1) / 127.5 - 1
    seen = trunk.get_layer("conv_0")(scaled).numpy().reshape(-1, 4)
    norm = trunk.get_layer("norm_0")
    np.testing.assert_allclose(norm.moving_mean.numpy(), seen.mean(0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance.numpy(), seen.var(0), rtol=1e-3)
