"""Builds the classifier: grey picture in, trunk by transfer learning, and a head of our own with one logit a
class.
"""

from dataclasses import dataclass

import keras

from shared.errors import DataError
from training.backbones import Backbone, Scaling, build_trunk, find_backbone
from training.fast import agrees_at, speed_up
from training.outcome import Trained

DROPOUT = 0.2
TRUNK, FEATURES, HEAD = "trunk", "features", "logits"
"""Layer names that export and fine-tuning look for."""


@dataclass(frozen=True)
class Classifier:
    """The whole network (N, S, S, 1) grey 0..255 -> (N, classes) logits, the trunk inside it, and what feeds
    it.

    `scaled` is the network up to the trunk's input: (N, S, S, 3) as the family's preprocessing gives it.
    """

    network: keras.Model
    trunk: keras.Model
    scaled: keras.Model


def build_classifier(
    backbone: Backbone, classes: int, *, weights: str = "none", size: int | None = None, fast: bool = False
) -> Classifier:
    """The network for `classes` labels; `size` fixes the input side, `fast` rewrites the trunk for training.

    The head is deliberately small: global average, dropout, one Dense. With 28,000 faces a deeper head only
    learns them by heart, and the int8 file keeps Dense and softmax in float.
    """
    trunk = build_trunk(backbone, weights, size)
    if fast:
        trunk = speed_up(trunk)
    trunk.name = TRUNK
    grey = keras.Input((size, size, 1), name="grey")
    scaled = three_channels(grey, backbone.scaling)
    features = keras.layers.GlobalAveragePooling2D(name=FEATURES)(trunk(scaled))
    features = keras.layers.Dropout(DROPOUT, name="dropout")(features)
    logits = keras.layers.Dense(classes, name=HEAD)(features)
    network = keras.Model(grey, logits, name=f"{backbone.name}_classifier")
    return Classifier(network, trunk, keras.Model(grey, scaled))


def rebuilt(trained: Trained) -> keras.Model:
    """The network that `trained` describes, with its weights, any input side, as fast as it can be."""
    about = trained.about
    fast = agrees_at(about.size)
    network = build_classifier(find_backbone(about.backbone), len(about.classes), fast=fast).network
    network.set_weights(trained.weights)
    return network


def three_channels(grey: keras.KerasTensor, scaling: Scaling) -> keras.KerasTensor:
    """Scaled before it is repeated where all channels are scaled alike: a third of the work in the exported
    graph.
    """
    if len(set(scaling.scale)) == len(set(scaling.offset)) == 1:
        one = keras.layers.Rescaling(scaling.scale[0], scaling.offset[0], name="scaling")(grey)
        return keras.layers.Concatenate(name="channels")([one, one, one])
    tripled = keras.layers.Concatenate(name="channels")([grey, grey, grey])
    return keras.layers.Rescaling(list(scaling.scale), list(scaling.offset), name="scaling")(tripled)


def freeze_below(trunk: keras.Model, start: str) -> None:
    """Make the trunk trainable from the first layer whose name starts with `start`; `all` and `none` do as
    they say.

    Raises DataError where no layer is called so.
    """
    names = [layer.name for layer in trunk.layers]
    first = {"all": 0, "none": len(names)}.get(start)
    if first is None:
        found = [index for index, name in enumerate(names) if name.startswith(start)]
        if not found:
            raise DataError(f"no layer of the trunk is called {start!r}; `describe` lists them")
        first = found[0]
    trunk.trainable = True
    for index, layer in enumerate(trunk.layers):
        layer.trainable = index >= first
    if first == len(names):
        trunk.trainable = False
