"""The examples of docs/coming-from.md run, and give the fields that they promise."""

import re
from pathlib import Path

import cv2
import pytest

from shared.config import DetectorSettings
from shared.vision import analysis
from shared.vision.analysis import Analyzer
from shared.vision.predict import Predictor
from shared.vision.yunet_wheel import WheelYuNet
from tests.artefacts import LABELS, make_artefact
from tests.media import astronaut

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)


@pytest.fixture
def people(tmp_path, monkeypatch):
    """Stand in a folder with people.jpg, with a small network in place of the model."""
    predictor = Predictor(make_artefact(tmp_path / "model"), "model_int8.tflite", 1)
    analyzer = Analyzer(WheelYuNet(DetectorSettings()), predictor, 24)
    monkeypatch.setattr(analysis, "load_analyzer", lambda settings=None: analyzer)
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("people.jpg", astronaut())
    return astronaut()


def run(example):
    names = {}
    exec(example, names)
    return names


def test_there_are_four_examples():
    assert len(EXAMPLES) == 4


def test_first_example_prints_a_face(people, capsys):
    run(EXAMPLES[0])
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.split()[0] in LABELS


def test_deepface_fields(people):
    deepface_like = run(EXAMPLES[1])["deepface_like"]
    (face,) = deepface_like("people.jpg")
    assert set(face) == {"emotion", "dominant_emotion", "region", "face_confidence"}
    assert sum(face["emotion"].values()) == pytest.approx(100, abs=0.01)
    assert face["dominant_emotion"] == max(face["emotion"], key=face["emotion"].get)
    assert set(face["region"]) == {"x", "y", "w", "h", "left_eye", "right_eye"}
    assert face["region"]["x"] < face["region"]["right_eye"][0] < face["region"]["left_eye"][0]


def test_fer_fields(people):
    (face,) = run(EXAMPLES[2])["fer_like"](people)
    assert set(face) == {"box", "emotions"}
    assert all(isinstance(value, int) for value in face["box"])
    assert set(face["emotions"]) == set(LABELS)


def test_settings(people):
    assert len(run(EXAMPLES[3])["found"]) == 1
