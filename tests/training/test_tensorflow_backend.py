"""The TensorFlow backend answers as LiteRT does, without tracing anything anew."""

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow")

from services.classifier.backend import load_backend
from services.classifier.tensorflow_backend import TensorFlowBackend
from shared.artefact import DEFAULT_ARTEFACT, load_artefact
from shared.config import ClassifierSettings
from shared.errors import ArtefactError
from shared.vision.batches import GPU_BUCKETS
from shared.vision.predict import Predictor
from tests.artefacts import BRIGHTNESS, make_artefact
from tests.media import astronaut
from tests.training.brightness import build


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    build().save(folder / "brightness.keras")
    files = {"model.keras": folder / "brightness.keras", "model_int8.tflite": BRIGHTNESS}
    return make_artefact(folder / "model", files)


def test_it_agrees_with_litert_at_every_batch_size_and_traces_nothing_anew(artefact):
    backend = TensorFlowBackend(artefact, "GPU-aa")
    assert (backend.name, backend.device) == ("tensorflow model.keras", "GPU-aa")
    graphs = dict(backend._graphs)
    litert = Predictor(artefact, "model_int8.tflite", 1)
    for count in (1, 2, 3, 7, 32, 33, 64):
        crops = np.random.default_rng(count).integers(0, 256, (count, 96, 96)).astype(np.uint8)
        found = backend.predict(crops)
        assert found.shape == (count, 3)
        assert np.abs(found - litert.predict(crops)).max() < 1e-3
    assert backend._graphs == graphs
    assert tuple(graphs) == GPU_BUCKETS


def test_it_is_what_a_claimed_gpu_or_the_setting_asks_for(artefact):
    assert isinstance(load_backend(ClassifierSettings(), artefact.path, "GPU-aa"), TensorFlowBackend)
    assert isinstance(load_backend(ClassifierSettings(), artefact.path, None), Predictor)
    chosen = load_backend(ClassifierSettings(backend="tensorflow"), artefact.path, None)
    assert isinstance(chosen, TensorFlowBackend)
    assert chosen.device == "cpu"


def test_model_that_keras_cannot_load_is_named(tmp_path):
    text = tmp_path / "text"
    text.write_text("no model")
    broken = make_artefact(tmp_path / "model", {"model.keras": text})
    with pytest.raises(ArtefactError, match=r"model\.keras can't be loaded by Keras"):
        TensorFlowBackend(broken)


def test_shipped_model_answers_as_its_fp32_file_on_litert():
    shipped = load_artefact(DEFAULT_ARTEFACT)
    picture = cv2.cvtColor(astronaut(), cv2.COLOR_BGR2GRAY)
    crops = np.stack([cv2.resize(picture[y : y + 160, 150:310], (96, 96)) for y in range(20, 90, 10)])
    keras_answer = TensorFlowBackend(shipped).predict(crops)
    assert np.abs(keras_answer - Predictor(shipped, "model.tflite", 1).predict(crops)).max() < 1e-3
