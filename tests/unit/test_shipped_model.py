"""The model that ships works with the crops that are cut live."""

import numpy as np
import pytest

from shared.artefact import DEFAULT_ARTEFACT, load_artefact
from shared.config import DetectorSettings
from shared.emotions import EMOTIONS
from shared.vision.align import crop_face
from shared.vision.analysis import Analyzer
from shared.vision.media import Video
from shared.vision.predict import Predictor
from shared.vision.yunet_wheel import WheelYuNet
from tests.media import astronaut, carphone

SHIPPED = [name for name in load_artefact(DEFAULT_ARTEFACT).card.files if name.endswith(".tflite")]


@pytest.fixture(scope="module")
def artefact():
    return load_artefact(DEFAULT_ARTEFACT)


@pytest.mark.parametrize("file", SHIPPED)
def test_it_sees_the_astronaut_smile(artefact, file):
    analyzer = Analyzer(WheelYuNet(DetectorSettings()), Predictor(artefact, file, 1), 24)
    ((face,), excess) = analyzer.read_faces(astronaut())
    assert excess == 0
    assert face.emotion == "happy"
    assert tuple(face.probabilities) == EMOTIONS
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.skipif("model.tflite" not in SHIPPED, reason="the artefact holds no fp32 file to compare with")
def test_int8_follows_fp32_on_live_crops(artefact):
    detector = WheelYuNet(DetectorSettings())
    crops = []
    for frame in Video(carphone()).read(5):
        (face,) = detector.detect(frame.picture)
        crops.append(crop_face(frame.picture, face.box, face.landmarks))
    full, small = (
        Predictor(artefact, file, 1).predict(np.stack(crops))
        for file in ("model.tflite", "model_int8.tflite")
    )
    assert np.abs(full - small).mean() < 0.03
    assert np.abs(full - small).max() < 0.14
    margins = np.sort(full, axis=1)
    clear = margins[:, -1] - margins[:, -2] > 0.28  # beyond what that difference on both can turn
    assert clear.sum() >= 5
    assert (full.argmax(axis=1) == small.argmax(axis=1))[clear].all()
