"""Crops: the same face gives the same crop, however it lies in the picture."""

import math

import cv2
import numpy as np
import pytest

from shared.vision.align import FER_BOX, crop_face, roll, to_input
from tests.media import astronaut

FACE = (178.11, 64.95, 91.36, 111.41)
MARKS = (204.4, 97.8, 247.0, 101.0, 222.2, 126.5, 201.5, 141.2, 240.5, 145.2)


def placed(matrix):
    """Return the face's box and landmarks after a similarity (2, 3) of the picture."""
    points = np.array(MARKS).reshape(-1, 2) @ matrix[:, :2].T + matrix[:, 2]
    center = np.array([FACE[0] + FACE[2] / 2, FACE[1] + FACE[3] / 2]) @ matrix[:, :2].T + matrix[:, 2]
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    width, height = FACE[2] * scale, FACE[3] * scale
    return (center[0] - width / 2, center[1] - height / 2, width, height), tuple(points.ravel())


def similarity(degrees, scale, shift=(0.0, 0.0)):
    """Return a similarity of continuous coordinates that turns about the face's centre."""
    matrix = cv2.getRotationMatrix2D((FACE[0] + FACE[2] / 2, FACE[1] + FACE[3] / 2), -degrees, scale)
    matrix[:, 2] += shift
    return matrix


def warped(picture, matrix, size):
    """Return the picture under a similarity of continuous coordinates, without aliasing."""
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if scale < 1:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    corner = matrix.copy()
    corner[:, 2] += matrix[:, :2] @ (0.5, 0.5) - (0.5, 0.5)
    return cv2.warpAffine(picture, corner, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def difference(a, b):
    """Return the mean absolute difference at the native size, where networks look, in grey levels."""
    small = [cv2.resize(crop, (48, 48), interpolation=cv2.INTER_AREA).astype(float) for crop in (a, b)]
    return np.abs(small[0] - small[1]).mean()


def crop_after(degrees, scale, shift=(0.0, 0.0), size=(512, 512)):
    matrix = similarity(degrees, scale, shift)
    box, marks = placed(matrix)
    return crop_face(warped(astronaut(), matrix, size), box, marks)


STRAIGHT = crop_face(astronaut(), FACE, MARKS)


@pytest.mark.parametrize("degrees", [-90, -30, -15, 5, 15, 30, 180])
def test_turned_face_gives_the_same_crop(degrees):
    assert difference(crop_after(degrees, 1.0), STRAIGHT) < 1.5


@pytest.mark.parametrize("wide", [20, 30, 48, 64, 91, 130, 200, 400, 600])
def test_face_of_any_size_gives_the_same_crop(wide):
    scale = wide / FACE[2]
    side = int(wide * 2.4)
    center = (FACE[0] + FACE[2] / 2, FACE[1] + FACE[3] / 2)
    crop = crop_after(0, scale, (side / 2 - center[0], side / 2 - center[1]), (side, side))
    limit = 10 if wide < 40 else 3  # a face of 20 pixels has not what a crop of 96 shows
    assert difference(crop, STRAIGHT) < limit


@pytest.mark.parametrize(("degrees", "scale"), [(4, 1.0), (0, 1.05), (0, 1 / 1.05)])
def test_the_measure_sees_a_wrong_roll_or_scale(degrees, scale):
    matrix = similarity(degrees, scale)
    wrong = crop_face(warped(astronaut(), matrix, (512, 512)), FACE, MARKS)
    assert difference(wrong, STRAIGHT) > 10


def test_large_turned_face_is_not_aliased():
    stripes = np.zeros((1200, 1200), np.uint8)
    stripes[:, ::2] = 255
    crop = crop_face(stripes, (300, 300, 600, 770), turned_marks(20))
    assert crop.std() < 4
    assert abs(float(crop.mean()) - 127.5) < 2


def turned_marks(degrees):
    """Return landmarks of a face of about 600 pixels, turned."""
    across = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    down = np.array([-across[1], across[0]])
    middle = np.array([600.0, 685.0])
    spots = [(-130, -120), (130, -120), (0, 0), (-110, 140), (110, 140)]
    return tuple(np.concatenate([middle + x * across + y * down for x, y in spots]))


@pytest.mark.parametrize("shift", [(-190, 0), (0, -80), (260, 0), (0, 340), (-215, -110)])
def test_face_at_the_edge_repeats_the_edge(shift):
    """What is inside the picture stays the same; what is outside is the edge's own grey, no new contour."""
    matrix = similarity(0, 1.0, shift)
    box, marks = placed(matrix)
    picture = astronaut()
    shifted = warped(picture, matrix, (512, 512))
    wide = cv2.copyMakeBorder(shifted, 200, 200, 200, 200, cv2.BORDER_REPLICATE)
    moved = (box[0] + 200, box[1] + 200, *box[2:])
    expected = crop_face(wide, moved, tuple(value + 200 for value in marks))
    assert difference(crop_face(shifted, box, marks), expected) < 0.6


@pytest.mark.parametrize(
    "box", [(-500, -500, 40, 40), (9000, 9000, 40, 40), (0, 0, 0, 0), (-4e4, -4e4, 9e4, 9e4)]
)
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (480, 640)])
def test_no_box_is_too_strange(box, size):
    crop = crop_face(np.full((*size, 3), 90, np.uint8), box, (0.0,) * 10)
    assert crop.shape == (96, 96)
    assert (crop == 90).all()


def test_the_box_lies_where_it_lies_in_fer2013():
    """A white box on black, upright: its edges in the crop are those measured on FER2013."""
    frame = np.zeros((1000, 1000, 3), np.uint8)
    x, y, width, height = 300, 200, 300, round(300 * 0.977 / 0.759)
    frame[y : y + height, x : x + width] = 255
    inside = crop_face(frame, (x, y, width, height), level_marks(x, y, width, height)) > 127
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    found = np.array([columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]) / 96
    assert found == pytest.approx([0.128, 0.025, 0.759, 0.977], abs=1.01 / 96)


def level_marks(x, y, width, height):
    places = [(0.26, 0.38), (0.72, 0.38), (0.5, 0.55), (0.3, 0.73), (0.69, 0.73)]
    return tuple(value for across, down in places for value in (x + across * width, y + down * height))


def test_grey_and_colour_frames_give_the_same_crop():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_BGR2GRAY)
    assert np.abs(crop_face(grey, FACE, MARKS).astype(int) - STRAIGHT).max() <= 1


def test_contract_is_named():
    assert FER_BOX.name == "fer-box-1"


def test_roll_is_clockwise_and_counts_eyes_and_mouth():
    assert roll(MARKS) == pytest.approx(math.atan2(3.2 + 4.0, 42.6 + 39.0))
    assert roll(turned_marks(20)) == pytest.approx(math.radians(20))
    assert roll((0.0,) * 10) == 0


def test_to_input_averages_down_then_interpolates_between_pixel_centres():
    """Worked by hand: two native columns 0 and 100, enlarged to four, are 0, 25, 75, 100."""
    crop = np.zeros((1, 96, 96), np.uint8)
    crop[:, :, 48:] = 100
    assert to_input(crop, 2, 4)[0, 0, :, 0].tolist() == [0, 25, 75, 100]
    checks = np.indices((96, 96)).sum(axis=0) % 2 * 200
    assert (to_input(checks[None].astype(np.uint8), 48, 96) == 100).all()


def test_to_input_keeps_shape_and_order():
    crops = np.stack([np.full((96, 96), value, np.uint8) for value in (10, 20, 30)])
    inputs = to_input(crops, 48, 112)
    assert inputs.shape == (3, 112, 112, 1)
    assert inputs[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert to_input(crops[:0], 48, 96).shape == (0, 96, 96, 1)
