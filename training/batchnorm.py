"""Gives batch norms the statistics of the pictures at hand: before training, and for averaged weights after
it.
"""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.augment import clean_batches

FINAL_BATCHES = 200
"""Clean batches that give weights their statistics once they train no more."""

_BATCH_SIZE = 64

Moments = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Mean and variance (channels,) of each batch norm, for one batch."""


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Every batch norm of a model, those of nested models included, in order."""
    found: list[keras.layers.BatchNormalization] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            found.append(layer)
        elif isinstance(layer, keras.Model):
            found += batch_norms(layer)
    return found


def _does_nothing(layer: keras.layers.BatchNormalization) -> bool:
    """Mean 0 and variance 1, up to the epsilon that some converters take off the variance."""
    variance = layer.moving_variance.numpy()
    return bool(np.all(layer.moving_mean.numpy() == 0) and np.all(np.abs(variance - 1) <= 2 * layer.epsilon))


def is_folded(model: keras.Model) -> bool:
    """Whether all batch norms do nothing but add a bias: weights recovered from a network with them folded
    in.
    """
    layers = batch_norms(model)
    return bool(layers) and all(_does_nothing(layer) for layer in layers)


def unfold(trunk: keras.Model, batches: Iterable[tf.Tensor]) -> None:
    """Give folded batch norms the mean and variance they see on `batches` of trunk input; the function stays.

    With y = gamma * (x - mean) / sqrt(var + eps) + beta, gamma and beta are set so that y is what it was.
    Left at mean 0 and variance 1, fine-tuning collapses as soon as the layers train.
    """
    layers = batch_norms(trunk)
    probe = keras.Model(trunk.inputs, [layer.input for layer in layers])

    @tf.function  # type: ignore[untyped-decorator]
    def moments(pictures: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        return [tf.nn.moments(values, (0, 1, 2)) for values in probe(pictures, training=False)]

    seen = [[(mean.numpy(), variance.numpy()) for mean, variance in moments(batch)] for batch in batches]
    for layer, (mean, variance) in zip(layers, _pool(seen), strict=True):
        slope = layer.gamma.numpy() / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
        intercept = layer.beta.numpy() - slope * layer.moving_mean.numpy()
        layer.gamma.assign(slope * np.sqrt(variance + layer.epsilon))
        layer.beta.assign(intercept + slope * mean)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


class Reestimator:
    """Sets every moving mean and variance to that over given batches, each layer seeing normalised inputs.

    Averaged weights have no statistics of their own: those of the raw weights do not fit them (Izmailov et
    al., "Averaging weights leads to wider optima", 2018).
    """

    def __init__(self, network: keras.Model) -> None:
        self._layers = batch_norms(network)
        self._look = tf.function(lambda pictures: network(pictures, training=True), autograph=False)

    def __call__(self, batches: Iterable[tf.Tensor]) -> None:
        """Look at `batches` of network input (B, S, S, 1) and take their statistics over."""
        if not self._layers:
            return
        momenta = [layer.momentum for layer in self._layers]
        for layer in self._layers:
            layer.momentum = 0.0  # the graph is traced so: moving statistics become the last batch's own
        seen = [self._after(batch) for batch in batches]
        for layer, momentum, (mean, variance) in zip(self._layers, momenta, _pool(seen), strict=True):
            layer.momentum = momentum
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)

    def _after(self, batch: tf.Tensor) -> Moments:
        self._look(batch)
        return [(layer.moving_mean.numpy(), layer.moving_variance.numpy()) for layer in self._layers]


def settle(network: keras.Model, images: NDArray[np.uint8], size: int) -> None:
    """Give weights that train no more the statistics of clean (N, S, S) uint8 pictures, shown at `size`."""
    batch = min(_BATCH_SIZE, len(images))
    Reestimator(network)(clean_batches(images, FINAL_BATCHES, batch_size=batch, size=size))


def _pool(seen: list[Moments]) -> Moments:
    """Mean and variance over all batches from those of each: the spread of the means counts as variance."""
    pooled = []
    for column in zip(*seen, strict=True):
        means = np.stack([mean for mean, _ in column])
        variances = np.stack([variance for _, variance in column])
        pooled.append((means.mean(0), variances.mean(0) + means.var(0)))
    return pooled
