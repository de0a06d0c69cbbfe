"""Analyzing pictures, folders and videos: every one gets its analysis or a clear message."""

import sys

import cv2
import numpy as np
import pytest

import shared.vision
from shared.config import Settings
from shared.errors import SourceError
from shared.vision import analysis as module
from shared.vision.analysis import Analyzer, analyze, analyze_path
from shared.vision.analysis_records import Analysis, FaceAnalysis
from shared.vision.drawing import annotate
from shared.vision.faces import FoundFace
from tests.media import astronaut, carphone, cut_off_video

LABELS = ("calm", "wild")
MARKS = (20, 20, 40, 20, 30, 30, 22, 40, 38, 40)


class OneFace:
    """Finds one face in every picture of at least 50 pixels' width."""

    name, remedy = "one", None

    def detect(self, frame):
        faces = [FoundFace((10.0, 10.0, 40.0, 45.0), 0.9, MARKS), FoundFace((0.0, 0.0, 9.0, 9.0), 0.7, MARKS)]
        return faces if frame.shape[1] >= 50 else []


class Dull:
    """Is as sure of the first label as the crop is bright."""

    labels = LABELS
    uncertain_threshold = 0.6

    def predict(self, crops):
        bright = crops.mean(axis=(1, 2)) / 255
        return np.stack([bright, 1 - bright], axis=1).astype(np.float32)


@pytest.fixture
def analyzer(monkeypatch):
    made = Analyzer(OneFace(), Dull(), 24)
    monkeypatch.setattr(module, "load_analyzer", lambda settings=None: made)
    return made


def write(path, value, size=(60, 80)):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), value, np.uint8))
    return path


def test_picture(analyzer, tmp_path):
    path = write(tmp_path / "a.png", 204)
    (found,) = analyze(path)
    assert found == Analysis(
        source=str(path),
        width=80,
        height=60,
        faces=(
            FaceAnalysis(
                box=(10, 10, 40, 45),
                score=0.9,
                landmarks=MARKS,
                emotion="calm",
                certain=True,
                probabilities={"calm": 0.8, "wild": 0.2},
            ),
        ),
    )
    assert analyze(str(path)) == [found]


def test_array_and_list(analyzer, tmp_path):
    dark = np.full((60, 80), 120, np.uint8)
    found = analyze([dark, write(tmp_path / "a.png", 255), dark[:, :40]])
    assert [len(each.faces) for each in found] == [1, 1, 0]
    assert (found[0].faces[0].emotion, found[0].faces[0].certain) == ("wild", False)
    assert [each.source for each in found] == ["", str(tmp_path / "a.png"), ""]


@pytest.mark.parametrize("source", [None, 7, [3.5], np.zeros((3, 3))])
def test_other_things_are_refused(analyzer, source):
    with pytest.raises(SourceError, match=r"can't analyze a|a picture's array"):
        analyze(source)


def test_video(analyzer):
    run = analyze_path(carphone(), analyzer, 50)
    assert run.total == 3
    found = list(run)
    assert [each.analysis.frame for each in found] == [0, 50, 100]
    assert found[2].analysis.seconds == pytest.approx(100 / 29.97, abs=0.1)
    assert found[0].picture.shape == (144, 176, 3)


def test_folder_goes_on_after_a_bad_file(analyzer, tmp_path):
    write(tmp_path / "a.png", 9)
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.mp4").write_text("a text")
    write(tmp_path / "d" / "e.png", 9)
    run = analyze_path(tmp_path, analyzer)
    assert run.total == 4
    found = [each.analysis for each in run]
    assert [bool(each.error) for each in found] == [False, True, True, False]
    assert "is empty" in found[1].error
    assert "not a video" in found[2].error


def test_single_bad_file_is_an_error(analyzer, tmp_path):
    (tmp_path / "c.mp4").write_text("a text")
    with pytest.raises(SourceError, match="not a video"):
        analyze(tmp_path / "c.mp4")
    with pytest.raises(SourceError, match="no such file or folder"):
        analyze(tmp_path / "absent")
    with pytest.raises(SourceError, match="File name too long"):
        analyze(tmp_path / ("a" * 300))


def test_the_rest_of_a_cut_off_video_is_an_error_after_its_frames(analyzer, tmp_path):
    *frames, last = analyze(cut_off_video(tmp_path))
    assert len(frames) > 10
    assert not any(found.error for found in frames)
    assert "cut.avi ends after" in last.error


def test_analyzers_are_loaded_once_per_settings(monkeypatch):
    loads = []
    monkeypatch.setattr(module, "_loaded", {})
    monkeypatch.setattr(
        Analyzer, "load", classmethod(lambda cls, settings: loads.append(settings) or settings)
    )
    narrow = Settings(detector={"width": 320})
    assert module.load_analyzer(narrow) is module.load_analyzer(Settings(detector={"width": 320}))
    module.load_analyzer(Settings())
    assert len(loads) == 2


def test_package_offers_it():
    assert shared.vision.analyze is analyze
    assert shared.vision.annotate is annotate
    with pytest.raises(AttributeError, match="nonsense"):
        shared.vision.nonsense  # noqa: B018


def face(emotion="happy", certain=True, box=(178.0, 65.0, 91.0, 111.0)):
    return FaceAnalysis(
        box=box, score=0.9, landmarks=MARKS, emotion=emotion, certain=certain, probabilities={emotion: 0.97}
    )


def changed(before, after):
    """Return the rows and columns that differ."""
    where = np.argwhere((before != after).any(axis=2))
    return where.min(axis=0), where.max(axis=0)


def test_annotation_draws_box_and_label_on_a_copy():
    picture = astronaut()
    before = picture.copy()
    drawn = annotate(picture, [face()])
    assert (picture == before).all()
    (top, left), (bottom, right) = changed(picture, drawn)
    assert 30 < top < 60, "the label stands above the box"
    assert abs(left - 178) < 4
    assert abs(bottom - 176) < 4
    assert right > 265
    assert (drawn[100:140, 200:250] == picture[100:140, 200:250]).all(), "the face stays visible"


@pytest.mark.parametrize(
    "box", [(-20, -20, 60, 60), (480, 490, 60, 60), (0, 0, 512, 512), (9000, 9000, 5, 5)]
)
def test_label_stays_inside_the_picture(box):
    drawn = annotate(np.zeros((512, 512, 3), np.uint8), [face(box=box)])
    plate = (drawn == (40, 190, 240)).all(axis=2)
    assert plate.sum() > 600


def test_uncertain_face_is_grey_and_tiny_pictures_do_no_harm():
    drawn = annotate(np.zeros((300, 300, 3), np.uint8), [face(certain=False, box=(50, 80, 90, 90))])
    ink = drawn[drawn.any(axis=2)].astype(int)
    assert (ink.max(axis=1) == ink.min(axis=1)).all()
    assert annotate(np.zeros((1, 1, 3), np.uint8), [face(), face("unheard of")]).shape == (1, 1, 3)


def test_detector_process_does_not_load_the_classifier():
    assert "shared.vision.predict" in sys.modules  # here it is, by the imports above
    import subprocess

    program = "import services.detector.service, sys; sys.exit('ai_edge_litert' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
