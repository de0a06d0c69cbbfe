"""Framing: every way puts a face that lies as in FER2013 where it was, and other faces there, too."""

import math

import cv2
import numpy as np
import pytest

from shared.emotions import EMOTIONS
from shared.vision.align import FER_BOX
from shared.vision.faces import FoundFace
from training import framing
from training.data import Pictures
from training.framing import EYES, FRAMINGS, MOUTH, Framed, Located, Trial, markdown, reframe, write_framed

SIDE = 192
SHARES = np.asarray([*EYES, (0.5, 0.56), *MOUTH])
CENTER = np.asarray((FER_BOX.center_x, FER_BOX.center_y))


def median_picture():
    """A picture with a dot at each landmark's usual place."""
    picture = np.full((SIDE, SIDE), 60, np.uint8)
    for x, y in SHARES * SIDE:
        cv2.circle(picture, (round(x), round(y)), 16, 230, -1)
    return picture


def placed(angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    """That picture turned (radians), scaled about its middle and shifted (shares), with its face."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), -math.degrees(angle), scale)
    matrix[:, 2] += np.asarray(shift) * SIDE
    picture = cv2.warpAffine(median_picture(), matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    points = SHARES * SIDE @ matrix[:, :2].T + matrix[:, 2]
    x, y = matrix[:, :2] @ (CENTER * SIDE) + matrix[:, 2]
    side = FER_BOX.size * SIDE * scale
    box = (x - side / 2, y - side / 2, side, side)
    return Located(picture, FoundFace(box, 0.9, tuple(points.ravel().tolist())))


def expected():
    return cv2.resize(median_picture(), (96, 96), interpolation=cv2.INTER_AREA).astype(int)


@pytest.mark.parametrize("how", FRAMINGS)
def test_a_face_that_lies_as_usual_stays_where_it_is(how):
    difference = reframe(placed(), how).astype(int) - expected()
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("how", ["box", "eyes", "eyes and mouth"])
def test_a_turned_small_and_shifted_face_is_put_where_it_belongs(how):
    moved = placed(angle=0.3, scale=0.7, shift=(0.05, -0.04))
    assert np.abs(reframe(moved, how).astype(int) - expected()).mean() < 5
    assert np.abs(reframe(moved, "none").astype(int) - expected()).mean() > 10


def test_scale_enlarges_the_face_about_its_anchor():
    dots = [int((reframe(placed(), "eyes", scale) > 150).sum()) for scale in (0.9, 1.0, 1.1)]
    assert dots[0] < 0.9 * dots[1] < dots[1] < 0.9 * dots[2]


def test_a_picture_without_a_face_stays_as_it_is():
    picture = median_picture()
    assert np.abs(reframe(Located(picture, None), "eyes", 1.1).astype(int) - expected()).max() <= 60
    assert np.abs(reframe(Located(picture, None), "eyes", 1.1).astype(int) - expected()).mean() < 3


class Nobody:
    """A detector that finds no face."""

    def detect(self, frame):
        assert frame.shape == (SIDE, SIDE, 3)
        return []


def test_a_framed_data_set_has_the_same_names_and_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(framing, "load_detector", lambda settings: Nobody())
    images = np.stack([cv2.resize(median_picture(), (48, 48), interpolation=cv2.INTER_AREA)] * 2)
    names = ("train/happy/a.png", "train/sad/b.jpg")
    pictures = Pictures(images, np.asarray([3, 5]), names, ("1", "2"), EMOTIONS)
    assert write_framed(pictures, "box", tmp_path / "out") == 2
    written = cv2.imread(str(tmp_path / "out" / "train" / "sad" / "b.png"), cv2.IMREAD_GRAYSCALE)
    assert written.shape == (48, 48)
    assert np.abs(written.astype(int) - images[1]).mean() < 4
    with pytest.raises(framing.DataError, match="holds pictures already"):
        write_framed(pictures, "box", tmp_path / "out")


def test_gains_are_paired():
    before, after = np.asarray([True] * 50 + [False] * 50), np.asarray([True] * 54 + [False] * 46)
    points, error = framing._paired(before, after)
    assert points == pytest.approx(4.0)
    assert error == pytest.approx(196 * math.sqrt(0.04 * 0.96 * 100 / 99 / 100))


def test_the_table_shows_every_trial():
    trials = tuple(Trial("run", how, scale, 0.5, -1.25, 0.4) for how in FRAMINGS for scale in framing.SCALES)
    table = markdown(Framed(100, 7, {"run": 0.5125}, trials))
    assert table.count("0.5000 (-1.2 ± 0.4)") == 12
    assert "in 7 no face was found" in table
    assert "| run | untouched | | 0.5125 | |" in table
