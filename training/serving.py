"""Builds the network that is served: grey uint8 in, calibrated probabilities out, no layer of our own."""

import keras

from training.backbones import find_backbone
from training.model import FEATURES, HEAD, build_classifier
from training.outcome import Trained

PROBABILITIES = "probabilities"


def serving_model(trained: Trained, temperature: float, *, dtype: str = "uint8") -> keras.Model:
    """(N, S, S, 1) grey of `dtype` 0..255 -> (N, classes) float32 probabilities at `temperature`.

    The temperature is folded into the last Dense: softmax((Wx + b) / T) is softmax of a Dense with W/T and
    b/T.
    """
    about = trained.about
    backbone = find_backbone(about.backbone)
    classifier = build_classifier(backbone, len(about.classes), size=about.size)
    classifier.network.set_weights(trained.weights)
    head = classifier.network.get_layer(HEAD)
    kernel, bias = head.get_weights()
    head.set_weights([kernel / temperature, bias / temperature])
    grey = keras.Input((about.size, about.size, 1), name="grey", dtype=dtype)
    numbers = grey if dtype == "float32" else keras.layers.Rescaling(1.0, name="to_float")(grey)
    features = _up_to_features(classifier.network)(numbers)
    probabilities = keras.layers.Softmax(name=PROBABILITIES)(head(features))
    return keras.Model(grey, probabilities, name=f"{about.backbone}_faces")


def _up_to_features(network: keras.Model) -> keras.Model:
    return keras.Model(network.inputs, network.get_layer(FEATURES).output, name="features")
