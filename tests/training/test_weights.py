"""Averages, batch norms, checkpoints, the faster trunk: what must stay the same stays."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared.errors import DataError
from training.averaging import Average
from training.backbones import find_backbone
from training.batchnorm import Reestimator, batch_norms, is_folded, unfold
from training.checkpoint import Progress, Snapshot, load, save
from training.fast import FusedBatchNormalization
from training.model import build_classifier, freeze_below


def small_network():
    keras.utils.set_random_seed(2)
    inputs = keras.Input((8, 8, 1))
    values = keras.layers.Conv2D(4, 3)(inputs)
    values = keras.layers.BatchNormalization()(values)
    values = keras.layers.Conv2D(3, 3)(keras.layers.ReLU()(values))
    values = keras.layers.BatchNormalization()(values)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(values))


def test_the_average_is_one_and_training_does_not_read_it():
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    weight = network.weights[0]
    weight.assign([[0.0]])
    average = Average(network, 0.9)
    expected = 0.0
    for count in range(1, 60):
        weight.assign([[float(count)]])
        average.update()
        decay = min(0.9, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * count
        assert weight.numpy()[0, 0] == count
    assert average.values[0].numpy()[0, 0] == pytest.approx(expected, rel=1e-5)
    average.swap()
    assert weight.numpy()[0, 0] == pytest.approx(expected, rel=1e-5)
    average.swap()
    assert weight.numpy()[0, 0] == 59


def test_unfolded_batch_norms_see_normalised_values_and_change_nothing():
    network = small_network()
    for layer in batch_norms(network):
        layer.beta.assign(np.linspace(-1, 1, layer.beta.shape[0]))
    assert is_folded(network)
    batch = tf.random.stateless_normal((32, 8, 8, 1), (1, 2))
    before = network(batch, training=False).numpy()
    unfold(network, [batch])
    assert not is_folded(network)
    np.testing.assert_allclose(network(batch, training=False).numpy(), before, atol=1e-4)
    np.testing.assert_allclose(network(batch, training=True).numpy(), before, atol=1e-3)


def test_reestimated_statistics_are_those_of_the_batches():
    network = small_network()
    batches = [3 * tf.random.stateless_normal((16, 8, 8, 1), (1, i)) + 1 for i in range(4)]
    Reestimator(network)(batches)
    first = batch_norms(network)[0]
    seen = network.layers[1](tf.concat(batches, 0)).numpy().reshape(-1, 4)
    np.testing.assert_allclose(first.moving_mean.numpy(), seen.mean(0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(first.moving_variance.numpy(), seen.var(0), rtol=1e-3)
    assert first.momentum == 0.99


def test_the_faster_trunk_computes_the_same():
    backbone = find_backbone("mobilenetv2")
    keras.utils.set_random_seed(3)
    plain = build_classifier(backbone, 3)
    fast = build_classifier(backbone, 3, fast=True)
    fast.network.set_weights(plain.network.get_weights())
    pictures = tf.random.stateless_uniform((2, 64, 64, 1), (1, 2), 0, 255)
    expected = plain.network(pictures, training=False).numpy()
    np.testing.assert_allclose(fast.network(pictures, training=False).numpy(), expected, rtol=1e-4, atol=1e-5)
    names = {type(layer).__name__ for layer in fast.trunk.layers}
    assert "ZeroPadding2D" not in names
    assert "BatchNormalization" not in names


@pytest.mark.parametrize("trainable", [True, False])
def test_a_fused_batch_norm_trains_as_keras_does(trainable):
    values = 3 * tf.random.stateless_normal((4, 6, 5, 8), (1, 2)) + 1
    upstream = tf.random.stateless_normal((4, 6, 5, 8), (3, 4))
    found = []
    for kind in (keras.layers.BatchNormalization, FusedBatchNormalization):
        layer = kind(momentum=0.9)
        layer.build(values.shape)
        layer.set_weights([np.linspace(low, low + 2, 8, dtype=np.float32) for low in (0.5, -1, 0, 1)])
        layer.trainable = trainable
        with tf.GradientTape() as tape:
            tape.watch(values)
            result = layer(values, training=True)
        found.append([result, tape.gradient(result, values, upstream), *layer.get_weights()])
    for plain, fused in zip(*found, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("start", "first"), [("all", "Conv1"), ("block_14", "block_14_expand"), ("none", None)]
)
def test_fine_tuning_starts_where_it_is_told(start, first):
    classifier = build_classifier(find_backbone("mobilenetv2"), 3)
    freeze_below(classifier.trunk, start)
    paths = [variable.path for variable in classifier.network.trainable_variables]
    inside = [path for path in paths if "logits" not in path]
    assert ("logits/kernel" in path for path in paths)
    assert (inside[0].split("/")[-2] if inside else None) == first


def test_an_unknown_start_is_named():
    with pytest.raises(DataError, match="block_99"):
        freeze_below(build_classifier(find_backbone("mobilenetv2"), 3).trunk, "block_99")


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    groups = {"weights": [np.arange(6.0).reshape(2, 3), np.float32([1])], "optimizer": [np.int64(4)]}
    save(tmp_path / "last.npz", Snapshot(Progress(7, "recipe", step=12), groups))
    found = load(tmp_path / "last.npz")
    assert found.progress == Progress(7, "recipe", step=12)
    for name, values in groups.items():
        for value, stored in zip(values, found.groups[name], strict=True):
            np.testing.assert_array_equal(value, stored)
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "last.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match=r"last\.npz"):
        load(tmp_path / "last.npz")
