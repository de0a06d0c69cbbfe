"""Puts kernels on the grid that int8 gives them, so that the float and int8 files share their weights."""

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray

from training.batchnorm import settle
from training.data import Pictures
from training.model import rebuilt
from training.outcome import Trained

LEVELS = 127


def on_int8_grid(trained: Trained, pictures: Pictures) -> Trained:
    """`trained` with each convolution's kernel rounded as int8 will round it, to 255 steps a channel.

    Without this, a good half of what int8 changes is its rounding of weights. Rounding shifts each layer's
    mean a little; batch norms take that up when they are estimated anew on clean `pictures` (after Nagel et
    al., "Data-free quantization through weight equalization and bias correction", 2019). A batch norm that is
    folded into its kernel later scales whole channels, and the grid with them.
    """
    network = rebuilt(trained)
    for kernel, shared in _kernels(network):
        kernel.assign(rounded(kernel.numpy(), shared))
    settle(network, pictures.images, trained.about.size)
    return Trained(trained.about, network.get_weights())


def rounded(kernel: NDArray[np.float32], shared: tuple[int, ...]) -> NDArray[np.float32]:
    """`kernel` on the grid of symmetric int8, with one scale for all values along the axes `shared`."""
    scale = np.abs(kernel).max(axis=shared, keepdims=True) / LEVELS
    steps = np.round(kernel / np.where(scale, scale, 1))
    result: NDArray[np.float32] = (steps * scale).astype(np.float32)
    return result


def _kernels(model: keras.Model) -> Iterator[tuple[keras.Variable, tuple[int, ...]]]:
    """Every convolution's kernel, nested models included, with the axes that share one scale in int8."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _kernels(layer)
        elif isinstance(layer, keras.layers.SeparableConv2D):
            yield layer.depthwise_kernel, (0, 1)
            yield layer.pointwise_kernel, (0, 1, 2)
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            yield layer.kernel, (0, 1)
        elif isinstance(layer, keras.layers.Conv2D):
            yield layer.kernel, (0, 1, 2)
