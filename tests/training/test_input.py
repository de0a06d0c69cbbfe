"""What the classifier feeds a network is what TensorFlow feeds it in training, to one grey level."""

import cv2
import numpy as np
import pytest

from shared.vision.align import to_input

tf = pytest.importorskip("tensorflow")


def pictures():
    """Return 48x48 pictures: noise, smooth noise, edges, black and white."""
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (48, 48)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    edges = (np.indices((48, 48)).sum(axis=0) // 5 % 2 * 255).astype(np.uint8)
    return np.stack([noise, smooth, edges, np.zeros_like(noise), np.full_like(noise, 255)])


@pytest.mark.parametrize("size", [48, 64, 96, 100, 112, 160, 224])
def test_enlarging_is_tensorflows_bilinear_with_half_pixel_centres(size):
    native = pictures()
    crops = native.repeat(2, axis=1).repeat(2, axis=2)  # their means over 2x2 are the native pictures again
    expected = tf.image.resize(native[..., None], (size, size), method="bilinear", antialias=False).numpy()
    found = to_input(crops, 48, size)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1


def test_reducing_is_tensorflows_area():
    crops = np.random.default_rng(6).integers(0, 256, (4, 96, 96)).astype(np.uint8)
    expected = tf.image.resize(crops[..., None], (48, 48), method="area").numpy()
    assert np.abs(to_input(crops, 48, 48) - expected).max() <= 1


@pytest.mark.parametrize("method", ["nearest", "bicubic"])
def test_the_measure_sees_another_interpolation(method):
    native = pictures()
    crops = native.repeat(2, axis=1).repeat(2, axis=2)
    other = tf.image.resize(native[..., None], (96, 96), method=method).numpy()
    assert np.abs(to_input(crops, 48, 96) - other).max() > 10
