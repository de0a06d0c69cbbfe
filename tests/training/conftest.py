"""Tiny face-like pictures drawn on the spot, and a run trained on them once for all tests."""

import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


import cv2
import numpy as np
import pytest

collect_ignore_glob = [] if importlib.util.find_spec("tensorflow") else ["test_*.py"]

CLASSES = ("closed", "open")


def draw(label, rng):
    """Return a (48, 48) uint8 head whose mouth is a line or a hole."""
    picture = np.full((48, 48), int(rng.integers(20, 90)), np.uint8)
    x, y = (24 + int(value) for value in rng.integers(-2, 3, 2))
    cv2.ellipse(picture, (x, y), (17, 21), 0, 0, 360, int(rng.integers(150, 220)), -1)
    for side in (-7, 7):
        cv2.circle(picture, (x + side, y - 6), 2, 30, -1)
    if CLASSES[label] == "open":
        cv2.ellipse(picture, (x, y + 10), (6, 6), 0, 0, 360, 20, -1)
    else:
        cv2.line(picture, (x - 6, y + 10), (x + 6, y + 10), 40, 1)
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def fill(folder, per_class, seed):
    """Write `per_class` pictures of each class below `folder`."""
    rng = np.random.default_rng(seed)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            cv2.imwrite(str(folder / name / f"{name}_{number:03d}.png"), draw(label, rng))


@pytest.fixture
def faces(tmp_path):
    """A data folder with 16 training and 8 validation pictures a class."""
    fill(tmp_path / "faces" / "train", 16, 1)
    fill(tmp_path / "faces" / "validation", 8, 2)
    return tmp_path / "faces"


@pytest.fixture(scope="session")
def trained_faces(tmp_path_factory):
    """A larger data folder that `finished_run` was trained on."""
    folder = tmp_path_factory.mktemp("data") / "faces"
    fill(folder / "train", 64, 3)
    fill(folder / "validation", 16, 4)
    return folder


@pytest.fixture(scope="session")
def finished_run(trained_faces, tmp_path_factory):
    """The folder of a run at 32 pixels through the command line, with all its outputs."""
    from typer.testing import CliRunner

    from training.__main__ import app

    out = tmp_path_factory.mktemp("runs") / "one"
    arguments = ["train", "--data", str(trained_faces), "--out", str(out), "--weights", "none"]
    arguments += ["--epochs", "3", "0", "1", "--sizes", "32", "32", "--batch-size", "16"]
    result = CliRunner().invoke(app, [*arguments, "--average-decay", "0.8", "--seed", "5"])
    assert result.exit_code == 0, result.output
    return out


def tiny(include_top, weights, input_shape):
    """Two convolutions with batch norms: traced in a moment."""
    import keras

    inputs = values = keras.Input(input_shape)
    for number, channels in enumerate((4, 8)):
        values = keras.layers.Conv2D(channels, 3, strides=2, name=f"conv_{number}")(values)
        values = keras.layers.BatchNormalization(name=f"norm_{number}")(values)
        values = keras.layers.ReLU(name=f"relu_{number}")(values)
    return keras.Model(inputs, values)


@pytest.fixture
def tiny_backbone(monkeypatch):
    """A family called `tiny`."""
    from training.backbones import BACKBONES, SYMMETRIC, Backbone

    monkeypatch.setitem(BACKBONES, "tiny", Backbone("tiny", tiny, "mobilenet_v2", SYMMETRIC, 16))
