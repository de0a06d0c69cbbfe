"""Rewrites a trunk so that a training step takes less time on a CPU; weights and function stay the same."""

from typing import Any

import keras
import tensorflow as tf

STRIDED_PADDING = ((0, 1), (0, 1))
"""What Keras pads in a layer of its own before a convolution of stride 2; TensorFlow's "same" does it for
free.
"""


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Any to mypy
    """Keras's batch norm over (N, H, W, C) in one operation; Keras makes a dozen, each a pass over memory."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        """Normalised `inputs`; while training by their own moments, which the moving ones follow."""
        own = bool(training) and self.trainable
        fused = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=() if own else self.moving_mean,
            variance=() if own else self.moving_variance,
            epsilon=self.epsilon,
            is_training=own,
        )
        if own:
            values = tf.size(inputs, tf.int64) // inputs.shape[-1]
            biased = tf.cast(values - 1, tf.float32) / tf.cast(values, tf.float32)  # Keras divides by N
            self._follow(self.moving_mean, fused.batch_mean)
            self._follow(self.moving_variance, fused.batch_variance * biased)
        return fused.y

    def _follow(self, moving: keras.Variable, seen: tf.Tensor) -> None:
        moving.assign(moving * self.momentum + seen * (1 - self.momentum))


def _can_be_fused(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization
        and len(layer.input.shape) == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.renorm
    )


def _pads_for_stride(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.ZeroPadding2D) and layer.padding == STRIDED_PADDING


def _rewritten(layer: keras.layers.Layer, after_padding: set[str]) -> keras.layers.Layer:
    config = layer.get_config()
    if _pads_for_stride(layer):
        return keras.layers.Identity(name=config["name"])
    if layer.name in after_padding:
        config["padding"] = "same"
    if _can_be_fused(layer):
        return FusedBatchNormalization.from_config(config)
    return type(layer).from_config(config)


def _consumers(trunk: keras.Model) -> set[str]:
    """Names of the layers fed by a padding for stride 2."""
    return {
        layer.name
        for layer in trunk.layers
        if any(_pads_for_stride(node.operation) for node in _parents(layer))
    }


def _parents(layer: keras.layers.Layer) -> list[Any]:
    return [parent for node in layer._inbound_nodes for parent in node.parent_nodes]


def agrees_at(size: int) -> bool:
    """Whether a trunk computes the same after `speed_up` with an input side of `size` pixels: each of its
    strided convolutions must see even sides.
    """
    return size % 32 == 0


def speed_up(trunk: keras.Model) -> keras.Model:
    """A copy of `trunk`, weights included: batch norms fused, padding inside its strided convolutions."""
    after_padding = _consumers(trunk)
    copy = keras.models.clone_model(trunk, clone_function=lambda layer: _rewritten(layer, after_padding))
    copy.set_weights(trunk.get_weights())
    return copy
