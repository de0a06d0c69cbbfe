"""YuNet: decoding worked by hand, both ways of running it, and that they find the same faces."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from shared.config import DetectorSettings
from shared.errors import ArtefactError, ConfigError
from shared.vision import faces as faces_module
from shared.vision.faces import FoundFace, load_detector, select_faces, shrink, to_faces
from shared.vision.yunet_onnx import OUTPUTS, OnnxYuNet, check_network, decode, suppress
from shared.vision.yunet_wheel import WheelYuNet
from tests.media import astronaut, beside, carphone

WEIGHTS = "detector/yunet_n_dynamic.onnx"
PICTURES = {
    "multi_face.jpg": 5,
    "single_face.jpg": 1,
    "sample1.jpg": 3,
    "sample4.jpg": 4,
    "sample5.jpg": 5,
    "grace_hopper.bmp": 1,
}


def settings(**changes):
    return DetectorSettings(**changes)


def overlap(a, b):
    """Return the intersection over union of two boxes."""
    x, y = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[0] + a[2], b[0] + b[2]), min(a[1] + a[3], b[1] + b[3])
    common = max(0, right - x) * max(0, bottom - y)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def empty_outputs(height, width):
    """Return YuNet's twelve outputs for an input of this size, with no face in them."""
    cells = {stride: (height // stride) * (width // stride) for stride in (8, 16, 32)}
    sizes = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    kinds = [name.split("_") for name in OUTPUTS]
    return [np.zeros((1, cells[int(stride)], sizes[kind]), np.float32) for kind, stride in kinds]


def put_face(outputs, width, stride, column, row, score=0.81):
    """Put a face of four by six cells into one cell, its five points right of the cell's corner."""
    values = {"cls": [score], "obj": [score], "bbox": [0.5, 0.25, np.log(4), np.log(6)], "kps": [*range(10)]}
    for kind, value in values.items():
        outputs[OUTPUTS.index(f"{kind}_{stride}")][0, row * (width // stride) + column] = value


class FakeSession:
    """Answers with given outputs, and keeps what it was given."""

    def __init__(self, outputs):
        self.outputs = outputs
        self.inputs = []

    def run(self, names, feed):
        assert list(names) == OUTPUTS
        self.inputs.append(feed["input"].copy())
        return self.outputs


def test_decode_one_face():
    outputs = empty_outputs(64, 96)
    put_face(outputs, 96, 16, column=3, row=2)
    boxes, scores, points = decode(outputs, 96, 0.6)
    # The centre is (3 + 0.5, 2 + 0.25) cells of 16 pixels; the size 4x6 cells.
    assert boxes == pytest.approx(np.array([[56 - 32, 36 - 48, 64, 96]]), abs=1e-4)
    assert scores == pytest.approx([0.81])
    expected = [(value + (3 if place % 2 == 0 else 2)) * 16 for place, value in enumerate(range(10))]
    assert points[0].tolist() == expected


def test_decode_score_is_the_root_of_the_product():
    outputs = empty_outputs(64, 64)
    put_face(outputs, 64, 8, 1, 1)
    outputs[OUTPUTS.index("cls_8")][0, 9] = 1.0
    outputs[OUTPUTS.index("obj_8")][0, 9] = 0.49
    assert decode(outputs, 64, 0.69)[1] == pytest.approx([0.7])
    assert len(decode(outputs, 64, 0.71)[1]) == 0


def test_decode_nothing():
    boxes, scores, points = decode(empty_outputs(32, 32), 32, 0.6)
    assert (boxes.shape, scores.shape, points.shape) == ((0, 4), (0,), (0, 10))
    assert suppress(boxes, scores, 0.3) == []


def test_suppress_keeps_the_best_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [4, 0, 10, 10], [0, 5.5, 10, 10], [50, 50, 5, 5]], np.float32)
    scores = np.array([0.9, 0.95, 0.8, 0.7], np.float32)
    # 0 and 1 share 60 of 140; 1 and 2 share 27 of 173, which is under 0.3.
    assert suppress(boxes, scores, 0.3) == [1, 2, 3]


def test_onnx_input_is_padded_and_results_come_back_in_frame_pixels():
    outputs = empty_outputs(64, 96)
    put_face(outputs, 96, 16, column=3, row=2)
    session = FakeSession(outputs)
    frame = np.zeros((100, 160, 3), np.uint8)
    frame[..., 2] = 200
    found = OnnxYuNet(session, settings(width=80)).detect(frame)  # shrunk to 80x50, filled up to 96x64
    assert session.inputs[0].shape == (1, 3, 64, 96)
    assert (session.inputs[0][0, 2, :50, :80] == 200).all()
    assert session.inputs[0].sum() == 200 * 50 * 80
    assert found[0].box == pytest.approx((48, -24, 128, 192), abs=0.01)
    assert found[0].landmarks[:2] == (96, 96)


def test_onnx_input_holds_nothing_of_an_earlier_larger_frame():
    session = FakeSession(empty_outputs(64, 64))
    detector = OnnxYuNet(session, settings(width=64))
    detector.detect(np.full((60, 60, 3), 9, np.uint8))
    detector.detect(np.full((40, 40, 3), 9, np.uint8))
    detector.detect(np.full((33, 64, 3), 9, np.uint8))
    assert [blob.sum() for blob in session.inputs] == [9 * 3 * 60 * 60, 9 * 3 * 40 * 40, 9 * 3 * 33 * 64]
    for side in range(33, 63):
        detector.detect(np.full((side, side, 3), 9, np.uint8))
    detector.detect(np.full((60, 60, 3), 8, np.uint8))
    assert session.inputs[-1].sum() == 8 * 3 * 60 * 60


def test_shrink_keeps_the_aspect_and_never_enlarges():
    small, scale_x, scale_y = shrink(np.zeros((480, 640, 3), np.uint8), 320)
    assert (small.shape, scale_x, scale_y) == ((240, 320, 3), 2, 2)
    small, scale_x, scale_y = shrink(np.zeros((144, 176, 3), np.uint8), 640)
    assert (small.shape, scale_x, scale_y) == ((144, 176, 3), 1, 1)
    assert shrink(np.zeros((1, 5000, 3), np.uint8), 64)[0].shape == (1, 64, 3)


def test_faces_come_largest_first_and_only_64_travel():
    boxes = np.array([[0, 0, 10 + n, 10] for n in range(80)], np.float32)
    found = to_faces(boxes, np.full(80, 0.9), np.zeros((80, 10)), (2.0, 1.0))
    assert [face.box[2] for face in found[:3]] == [178, 176, 174]
    kept, excess = select_faces(found, 50)  # of 20, 22, … 178 pixels, 65 are 50 or wider
    assert (len(kept), excess) == (64, 1)
    assert kept[-1].box[2] == 52
    assert select_faces([FoundFace((0, 0, 23.9, 30), 0.9, (0.0,) * 10)], 24) == ([], 0)


def test_missing_weights_file_is_named():
    with pytest.raises(ConfigError, match=r"no file /nowhere/y\.onnx"):
        load_detector(settings(weights="/nowhere/y.onnx"))


def test_file_that_is_not_a_network_is_named(tmp_path):
    file = tmp_path / "text.onnx"
    file.write_text("this is no network")
    with pytest.raises(ArtefactError, match=r"text\.onnx is not an ONNX file"):
        load_detector(settings(weights=file))


class Network:
    """Describes itself as an ONNX session does."""

    def __init__(self, shape, outputs):
        self.get_inputs = lambda: [SimpleNamespace(name="input", shape=shape)]
        self.get_outputs = lambda: [SimpleNamespace(name=name) for name in outputs]


def test_other_networks_and_fixed_sizes_are_refused():
    check_network(Network(["batch", 3, "height", "width"], OUTPUTS), "y.onnx")
    with pytest.raises(ArtefactError, match=r"y\.onnx is not YuNet"):
        check_network(Network(["batch", 3, "height", "width"], ["scores", "boxes"]), "y.onnx")
    with pytest.raises(ArtefactError, match=r"pictures of one size only, \[640, 640\]"):
        check_network(Network([1, 3, 640, 640], OUTPUTS), "y.onnx")


def test_without_weights_the_wheel_is_used_and_says_how_to_be_faster(monkeypatch):
    monkeypatch.setattr(faces_module, "checked_cache", lambda: None)
    detector = load_detector(settings(width=320))
    assert detector.name == "yunet-yuface-320"
    assert "mien fetch" in detector.remedy


def test_wheel_finds_the_astronaut():
    (face,) = WheelYuNet(settings()).detect(astronaut())
    assert overlap(face.box, (178, 65, 91, 111)) > 0.8
    assert face.score > 0.9
    right_eye, left_eye = face.landmarks[:2], face.landmarks[2:4]
    assert right_eye == pytest.approx((204, 98), abs=6)
    assert left_eye == pytest.approx((247, 101), abs=6)


def test_wheel_score_is_a_threshold():
    weak = cv2.GaussianBlur(astronaut(), (0, 0), 6)
    scores = [face.score for face in WheelYuNet(settings(score=0.5)).detect(weak)]
    assert scores, "the blurred face is still found"
    stricter = WheelYuNet(settings(score=scores[0]))
    assert [face.score for face in stricter.detect(weak)] == scores[:1]
    assert WheelYuNet(settings(score=round(scores[0] + 0.01, 2))).detect(weak) == []


def test_wheel_finds_a_face_over_the_edge():
    cut = np.ascontiguousarray(astronaut()[85:, 195:])
    (face,) = WheelYuNet(settings()).detect(cut)
    assert face.box[0] < 5
    assert face.box[1] < 5
    assert all(abs(value) < 200 for value in face.box)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (31, 33), (700, 40)])
def test_pictures_of_strange_sizes_have_no_faces(size):
    assert WheelYuNet(settings()).detect(np.full((*size, 3), 127, np.uint8)) == []


def assert_same_faces(picture, width, count=None):
    onnx = load_detector(settings(weights=beside(WEIGHTS), width=width)).detect(picture)
    wheel = WheelYuNet(settings(width=width)).detect(picture)
    assert len(onnx) == len(wheel)
    assert count is None or len(onnx) == count
    for face in onnx:
        assert max(overlap(face.box, other.box) for other in wheel) > 0.7


@pytest.mark.parametrize("width", [320, 640])
@pytest.mark.parametrize(("name", "count"), PICTURES.items())
def test_both_ways_find_the_same_faces(name, count, width):
    assert_same_faces(cv2.imread(str(beside(f"media/{name}"))), width, count)


@pytest.mark.parametrize("width", [320, 640])
def test_both_ways_find_the_same_faces_on_the_demo_media(width):
    assert_same_faces(astronaut(), width, 1)
    video = cv2.VideoCapture(str(carphone()))
    for number in range(120):
        done, picture = video.read()
        assert done
        if number % 15 == 0:
            assert_same_faces(picture, width, 1)


def test_onnx_agrees_with_opencv_on_the_same_file():
    reference = cv2.FaceDetectorYN.create(str(beside(WEIGHTS)), "", (640, 416), 0.6, 0.3)
    picture = cv2.resize(cv2.imread(str(beside("media/multi_face.jpg"))), (640, 416))
    expected = reference.detect(picture)[1]
    found = load_detector(settings(weights=beside(WEIGHTS))).detect(picture)
    assert len(found) == len(expected) == 5
    for face in found:
        match = min(expected, key=lambda row: abs(row[0] - face.box[0]))
        assert face.box == pytest.approx(match[:4], abs=0.05)
        assert face.landmarks == pytest.approx(match[4:14], abs=0.05)
        assert face.score == pytest.approx(match[14], abs=1e-3)
