"""Keeps a running average of weights beside the network: a true average that training never reads back."""

import keras
import tensorflow as tf


class Average:
    """Exponential average of all weights of a network, batch norm statistics included.

    With update t the decay is min(decay, (1 + t) / (10 + t)), so that the first steps are soon forgotten.
    """

    def __init__(self, network: keras.Model, decay: float) -> None:
        self._sources = [weight.value for weight in network.weights if weight.dtype == "float32"]
        self._network = network
        self._decay = decay
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.values = [tf.Variable(source, trainable=False) for source in self._sources]

    def update(self) -> None:
        """Move the average towards the present weights; meant to run inside the training step's graph."""
        count = tf.cast(self.updates.assign_add(1), tf.float32)
        rest = 1 - tf.minimum(self._decay, (1 + count) / (10 + count))
        for value, source in zip(self.values, self._sources, strict=True):
            value.assign_sub(rest * (value - source))

    def swap(self) -> None:
        """Exchange the network's weights and the average; calling it twice changes nothing."""
        for value, source in zip(self.values, self._sources, strict=True):
            kept = source.numpy()
            source.assign(value)
            value.assign(kept)
