"""Ten families: the right preprocessing, a network that trains and exports, tables that agree."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from shared.errors import DataError
from training.backbones import BACKBONES, build_trunk, find_backbone
from training.convert import to_float
from training.describe import block_table, convolution_table, describe
from training.learner import soft_targets
from training.model import build_classifier, three_channels
from training.outcome import Best, Trained
from training.recipe import Recipe
from training.serving import serving_model

GREY = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 1)).astype(np.float32)

MOBILENETV2_BLOCKS = [
    ("Convolution", None, 1),
    ("Bottleneck", 1, 1),
    ("Bottleneck", 6, 2),
    ("Bottleneck", 6, 3),
    ("Bottleneck", 6, 4),
    ("Bottleneck", 6, 3),
    ("Bottleneck", 6, 3),
    ("Bottleneck", 6, 1),
    ("Convolution", None, 1),
    ("AvgPool", None, 1),
    ("Convolution", None, 1),
]
"""Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018, table 2."""


MOBILENETV2_BOTTLENECKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
"""Expansion, output channels, repeats, stride of the first."""


def mobilenetv2_convolutions():
    """The eight numbers of each of the 53 convolutions, from the published table of blocks."""
    rows = [(224, 3, 3, 2, 1, 112, 32)]
    size, channels = 112, 32
    for expansion, outputs, repeats, stride in MOBILENETV2_BOTTLENECKS:
        for step in (stride, *[1] * (repeats - 1)):
            inner, after = channels * expansion, size // step
            if expansion > 1:
                rows.append((size, channels, 1, 1, 0, size, inner))
            rows.append((size, inner, 3, step, 1, after, inner))
            rows.append((after, inner, 1, 1, 0, after, outputs))
            size, channels = after, outputs
    return [*rows, (7, 320, 1, 1, 0, 7, 1280), (1, 1280, 1, 1, 0, 1, 1001)]


@pytest.mark.parametrize("name", BACKBONES)
def test_scaling_is_that_of_the_family(name):
    backbone = BACKBONES[name]
    grey = keras.Input((None, None, 1))
    ours = keras.Model(grey, three_channels(grey, backbone.scaling))(GREY).numpy()
    module = importlib.import_module(f"keras.applications.{backbone.module}")
    np.testing.assert_allclose(ours, module.preprocess_input(np.repeat(GREY, 3, axis=3)), atol=1e-4)


@pytest.mark.timeout(400)  # the largest family converts for a minute, longer on a busy machine
@pytest.mark.parametrize("name", BACKBONES)
def test_a_family_trains_and_exports(name):
    backbone = BACKBONES[name]
    keras.utils.set_random_seed(1)
    classifier = build_classifier(backbone, 3, size=backbone.smallest)
    pictures = tf.random.stateless_uniform((4, backbone.smallest, backbone.smallest, 1), (1, 2), 0, 255)
    targets = soft_targets(np.arange(4) % 3, 3, 0.1)
    before = classifier.network.get_weights()
    with tf.GradientTape() as tape:
        logits = classifier.network(pictures, training=True)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
    variables = classifier.network.trainable_variables
    optimizer = keras.optimizers.SGD(1e-4)
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    assert any(
        not np.array_equal(a, b) for a, b in zip(before, classifier.network.get_weights(), strict=True)
    )

    about = Best(
        name, ("a", "b", "c"), backbone.smallest, 48, 0.0, 0.0, "stage small, epoch 1", 1, 1, Recipe(())
    )
    served = serving_model(Trained(about, classifier.network.get_weights()), 1.5)
    grey = (
        np.random.default_rng(2)
        .integers(0, 256, (2, backbone.smallest, backbone.smallest, 1))
        .astype(np.uint8)
    )
    np.testing.assert_allclose(run(to_float(served), grey), served(grey, training=False).numpy(), atol=1e-4)


def run(content, pictures):
    interpreter = Interpreter(model_content=content)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, pictures.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, pictures)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_names_are_forgiving_and_unknown_ones_listed():
    assert find_backbone("MobileNet_V2").name == "mobilenetv2"
    with pytest.raises(DataError, match="no backbone 'resnet'; choose one of xception"):
        find_backbone("resnet")


def test_a_size_below_the_smallest_is_refused():
    with pytest.raises(DataError, match="xception takes pictures of 71 pixels"):
        build_trunk(find_backbone("xception"), "none", 48)


def test_weights_that_are_not_there_or_do_not_fit_are_named(tmp_path):
    with pytest.raises(DataError, match="there is no weights file"):
        build_trunk(find_backbone("mobilenetv2"), str(tmp_path / "absent.h5"))
    (tmp_path / "other.weights.h5").write_bytes(b"nothing")
    with pytest.raises(DataError, match="does not hold weights"):
        build_trunk(find_backbone("mobilenetv2"), str(tmp_path / "other.weights.h5"))


def test_mobilenetv2_agrees_with_its_published_tables():
    found = describe(find_backbone("mobilenetv2"), 224, 1001)
    assert [convolution.row for convolution in found.convolutions] == mobilenetv2_convolutions()
    assert [(b.operation, b.expansion, b.repeats) for b in found.blocks] == MOBILENETV2_BLOCKS
    assert sum(block.repeats for block in found.blocks if block.operation == "Bottleneck") == 17
    assert found.work == pytest.approx(0.3e9, rel=0.01)
    assert block_table(found).row_count == 11
    assert convolution_table(found).row_count == 53


@pytest.mark.parametrize(("name", "millions"), [("xception", 4.2), ("resnet50", 3.85), ("vgg16", 15.3)])
def test_work_of_other_families_is_of_the_known_size(name, millions):
    backbone = find_backbone(name)
    found = describe(backbone, 224, 1000)
    assert found.work / 1e9 == pytest.approx(millions, rel=0.15)
    assert found.parameters == build_trunk(backbone, "none", 224).count_params() + _head(backbone)


def _head(backbone):
    return 1000 * (build_trunk(backbone, "none", 224).output.shape[-1] + 1)
