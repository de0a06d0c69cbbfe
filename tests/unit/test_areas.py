"""Masks, zones and face sizes: where a face's centre lies, and what is painted over."""

import numpy as np
import pytest

from shared.codec import decode, encode
from shared.config import CameraSettings, camera_settings
from shared.errors import ConfigError, DecodeError
from shared.messages import MAX_CORNERS, Encoding, Frame, Scope, Zone
from shared.vision.areas import black_out, faces_in_scope, scope_of, zones_of
from shared.vision.faces import FoundFace

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
LOWER_TRIANGLE = ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SIZE = (200, 100)


def face(x: float, y: float, side: float = 20.0) -> FoundFace:
    """Return a face with its centre there, in pixels."""
    return FoundFace((x - side / 2, y - side / 2, side, side), 0.9, (0.0,) * 10)


def test_a_face_is_where_its_centre_is() -> None:
    inside, across, outside = face(50, 50), face(104, 50), face(150, 50)
    assert faces_in_scope([inside, across, outside], Scope(masks=(LEFT,)), SIZE) == [across, outside]
    assert faces_in_scope([inside], None, SIZE) == [inside]


def test_faces_too_wide_are_left_out() -> None:
    assert faces_in_scope([face(50, 50, 61), face(50, 50, 60)], Scope(max_face=60), SIZE) == [
        face(50, 50, 60)
    ]


def test_a_face_is_in_every_zone_that_holds_its_centre() -> None:
    zones = (Zone("left", LEFT), Zone("low", LOWER_TRIANGLE))
    assert zones_of(face(50, 80), zones, SIZE) == ("left", "low")
    assert zones_of(face(50, 10), zones, SIZE) == ("left",)
    assert zones_of(face(190, 10), zones, SIZE) == ()
    assert zones_of(face(-90, 50), zones, SIZE) == ()


def test_masks_are_black_and_nothing_else_is() -> None:
    picture = np.full((100, 200, 3), 200, np.uint8)
    black_out(picture, [LEFT])
    assert not picture[:, :100].any()
    assert (picture[:, 101:] == 200).all()


def test_settings_become_a_scope_that_the_wire_carries() -> None:
    assert scope_of(CameraSettings(source="0")) is None
    camera = CameraSettings(source="0", masks=[LEFT], zones={"low": LOWER_TRIANGLE}, min_face=30)
    scope = scope_of(camera)
    assert scope == Scope(masks=(LEFT,), zones=(Zone("low", LOWER_TRIANGLE),), min_face=30)
    header = _frame(scope)
    assert decode([*encode(header), b"x"]).header == header
    largest = CameraSettings(
        source="0",
        masks=[[(0.1234, 0.5678)] * MAX_CORNERS] * 16,
        zones=dict.fromkeys(map(str, range(16)), LEFT),
    )
    assert len(encode(_frame(scope_of(largest)))[1]) < 12_000


@pytest.mark.parametrize(
    "change",
    [
        {"masks": [LEFT] * 17},
        {"masks": [LEFT[:2]]},
        {"masks": [[(0, 0), (1, 0), (1, 1.01)]]},
        {"masks": [[(0, 0), (1, 0), (1, float("nan"))]]},
        {"masks": [[(0, 0)] * (MAX_CORNERS + 1)]},
        {"zones": {"Till 1": LEFT}},
        {"zones": {str(number): LEFT for number in range(17)}},
        {"min_face": 50, "max_face": 40},
        {"detect_every": 0},
    ],
)
def test_what_is_no_area_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="camera door"):
        camera_settings("door", {"source": "0", **change})


def test_the_wire_refuses_too_many_areas() -> None:
    with pytest.raises(DecodeError, match="masks"):
        decode([*encode(_frame(Scope(masks=(LEFT,) * 17))), b"x"])


def _frame(scope: Scope | None) -> Frame:
    return Frame(
        camera="door", run=1, sequence=1, live=True, captured_ns=1, width=200, height=100, ages={},
        encoding=Encoding.JPEG, age_ns=0, previous=0, scope=scope,
    )  # fmt: skip
