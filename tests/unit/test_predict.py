"""LiteRT gives each crop its probabilities, whatever the batch, and refuses what is no classifier."""

import math

import numpy as np
import pytest

from services.classifier.backend import load_backend
from shared.config import ClassifierSettings
from shared.errors import ArtefactError
from shared.vision.predict import Predictor
from tests.artefacts import BRIGHTNESS, make_artefact

FILE = "model_int8.tflite"


def expected(value):
    """Return what the network says of a crop of this grey value, by its formula."""
    b = 4 * value / 255
    powers = [math.exp(b), math.exp(-b), 1.0]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 16, 17, 40, 64])
def test_each_crop_gets_its_own_probabilities(tmp_path, count):
    predictor = Predictor(make_artefact(tmp_path), FILE, 1)
    values = np.linspace(0, 255, count).astype(np.uint8)
    crops = np.repeat(values, 96 * 96).reshape(count, 96, 96)
    found = predictor.predict(crops)
    assert found.shape == (count, 3)
    assert found == pytest.approx(np.array([expected(int(value)) for value in values]), abs=1e-5)


def test_no_crops_give_no_probabilities(tmp_path):
    assert Predictor(make_artefact(tmp_path), FILE, 1).predict(np.empty((0, 96, 96), np.uint8)).shape == (
        0,
        3,
    )


def test_it_says_what_it_is(tmp_path):
    artefact = make_artefact(tmp_path)
    backend = load_backend(ClassifierSettings(backend="litert"), tmp_path, None)
    assert isinstance(backend, Predictor)
    assert backend.name == "litert model_int8.tflite"
    assert backend.labels == ("bright", "dark", "neither")
    assert backend.uncertain_threshold == 0.5
    assert backend.sha12 == artefact.card.files[FILE].sha256[:12]
    assert backend.device == "cpu"


def test_predictions_stay_after_the_next_batch(tmp_path):
    predictor = Predictor(make_artefact(tmp_path), FILE, 1)
    first = predictor.predict(np.zeros((1, 96, 96), np.uint8))
    kept = first.copy()
    predictor.predict(np.full((1, 96, 96), 255, np.uint8))
    assert (first == kept).all()


def test_file_the_card_does_not_list_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"has no other\.tflite; it has model_int8\.tflite"):
        Predictor(make_artefact(tmp_path), "other.tflite", 1)


def test_file_that_is_no_network_is_named(tmp_path):
    text = tmp_path / "text"
    text.write_text("no network at all")
    artefact = make_artefact(tmp_path / "model", {FILE: text})
    with pytest.raises(ArtefactError, match=r"model_int8\.tflite can't be run by LiteRT"):
        Predictor(artefact, FILE, 1)


def test_cut_off_network_is_named(tmp_path):
    cut = tmp_path / "cut"
    cut.write_bytes(BRIGHTNESS.read_bytes()[:900])
    artefact = make_artefact(tmp_path / "model", {FILE: cut})
    with pytest.raises(ArtefactError, match="can't be run by LiteRT"):
        Predictor(artefact, FILE, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("bright", "dark")}, "answers .* its card names 2 labels"),
        ({"input_size": 0}, "sizes must be"),
        ({"crop": {"name": "other-9", "version": 9, "parameters": {}}}, "wants crops framed as other-9"),
    ],
)
def test_card_that_does_not_fit_is_refused(tmp_path, changes, message):
    with pytest.raises(ArtefactError, match=message):
        Predictor(make_artefact(tmp_path, **changes), FILE, 1)
