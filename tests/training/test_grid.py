"""Kernels on the grid of int8: one scale a channel, 255 steps, nothing moved further than half a step."""

import numpy as np
import pytest

from training.grid import rounded


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
