"""One optimisation step and the loss behind it: soft targets, class weights, logit adjustment, a teacher."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.averaging import Average
from training.model import Classifier, freeze_below
from training.recipe import Recipe

Teacher = Callable[[tf.Tensor], tf.Tensor]
"""From a batch of pictures (B, S, S, 1) to softened probabilities (B, classes) at the distillation
temperature.
"""

DISTILL_TEMPERATURE = 2.0
DISTILL_WEIGHT = 0.7


def soft_targets(labels: NDArray[np.int64], classes: int, smoothing: float) -> NDArray[np.float32]:
    """(N, classes) float32: 1 - smoothing on the label plus smoothing spread evenly over all classes."""
    return np.eye(classes, dtype=np.float32)[labels] * (1 - smoothing) + np.float32(smoothing / classes)


@dataclass(frozen=True)
class Balance:
    """How rare classes count: `weights` (classes,) on the loss and `shift` (classes,) on the logits in it."""

    weights: NDArray[np.float32]
    shift: NDArray[np.float32]


def balance(labels: NDArray[np.int64], classes: int, recipe: Recipe) -> Balance:
    """Class weights and logit shifts of a recipe for the labels that train."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1).astype(np.float32)
    weights = (counts.mean() / counts) ** recipe.class_weight_power
    shift = recipe.logit_adjustment * np.log(counts / counts.sum())
    return Balance(weights.astype(np.float32), shift.astype(np.float32))


def label_loss(logits: tf.Tensor, targets: tf.Tensor, even: Balance) -> tf.Tensor:
    """Mean cross-entropy of (B, classes) logits against soft targets, weighted and shifted by class."""
    losses = targets * even.weights * tf.nn.log_softmax(logits + even.shift)
    return -tf.reduce_mean(tf.reduce_sum(losses, 1))


def distilled(logits: tf.Tensor, by_labels: tf.Tensor, taught: tf.Tensor) -> tf.Tensor:
    """The label loss mixed with Kullback-Leibler divergence from the teacher (Hinton et al., 2015), scaled by
    T².
    """
    student = tf.nn.log_softmax(logits / DISTILL_TEMPERATURE)
    divergence = tf.reduce_sum(taught * (tf.math.log(taught + 1e-8) - student), 1)
    by_teacher = tf.reduce_mean(divergence) * DISTILL_TEMPERATURE**2
    return DISTILL_WEIGHT * by_teacher + (1 - DISTILL_WEIGHT) * by_labels


class Learner:
    """Optimizer and compiled step for the part of a classifier that trains in a phase."""

    def __init__(
        self,
        classifier: Classifier,
        average: Average,
        recipe: Recipe,
        even: Balance,
        trainable: str,
        teacher: Teacher | None = None,
    ) -> None:
        freeze_below(classifier.trunk, trainable)
        self.trainable = trainable
        self._network = classifier.network
        self._average = average
        self._even = even
        self._teacher = teacher
        self.optimizer = keras.optimizers.AdamW(
            1e-3, weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip_norm
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(self._network.trainable_variables)
        self.step = tf.function(self._step)

    def _step(self, pictures: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        variables = self._network.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._network(pictures, training=True)
            loss = label_loss(logits, targets, self._even)
            if self._teacher is not None:
                loss = distilled(logits, loss, tf.stop_gradient(self._teacher(pictures)))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self._average.update()
        return loss

    def state(self) -> list[NDArray[np.generic]]:
        """The optimizer's variables, for a checkpoint."""
        return [variable.numpy() for variable in self.optimizer.variables]

    def restore(self, values: list[NDArray[np.generic]]) -> None:
        """Take the optimizer's variables from a checkpoint."""
        for variable, value in zip(self.optimizer.variables, values, strict=True):
            variable.assign(value)
