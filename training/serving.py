"""Builds the network that is served: grey uint8 in, calibrated probabilities out, no layer of our own."""

from dataclasses import dataclass
from pathlib import Path

import keras
import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from training.backbones import find_backbone
from training.checkpoint import read_arrays
from training.model import FEATURES, HEAD, build_classifier
from training.train import Best

PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class Trained:
    """The best weights of a run, with what they are."""

    about: Best
    weights: list[NDArray[np.generic]]


def load_trained(run: Path) -> Trained:
    """Read `best.npz` of a run's folder; DataError where there is none or it is damaged."""
    path = run / "best.npz"
    if not path.is_file():
        raise DataError(f"{run} holds no {path.name}; give the --out folder of a training run")
    groups, note = read_arrays(path)
    try:
        return Trained(msgspec.json.decode(note, type=Best), groups["weights"])
    except (msgspec.MsgspecError, KeyError) as error:
        raise DataError(f"{path} does not say what network it belongs to: {error}") from error


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
    numbers = grey if dtype == "float32" else _Cast(name="cast")(grey)
    features = _up_to_features(classifier.network)(numbers)
    probabilities = keras.layers.Softmax(name=PROBABILITIES)(head(features))
    return keras.Model(grey, probabilities, name=f"{about.backbone}_faces")


def _up_to_features(network: keras.Model) -> keras.Model:
    return keras.Model(network.inputs, network.get_layer(FEATURES).output, name="features")


def _Cast(name: str) -> keras.layers.Layer:  # noqa: N802 - reads as the layer it stands for
    return keras.layers.Rescaling(1.0, name=name)
