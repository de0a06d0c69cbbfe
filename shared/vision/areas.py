"""What of a camera's picture counts: masks, zones and face sizes, for detectors and for a trial look."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.config import CameraSettings
from shared.messages import Polygon, Scope, Zone
from shared.vision.faces import FoundFace

Image = NDArray[np.uint8]


def scope_of(camera: CameraSettings) -> Scope | None:
    """Return what a camera's frames are to carry, None where the whole picture counts."""
    zones = tuple(Zone(name, polygon) for name, polygon in camera.zones.items())
    scope = Scope(masks=camera.masks, zones=zones, min_face=camera.min_face, max_face=camera.max_face)
    return None if scope == Scope() else scope


def faces_in_scope(faces: Iterable[FoundFace], scope: Scope | None, size: tuple[int, int]) -> list[FoundFace]:
    """Return the faces whose centre lies in no mask and which are not too wide, in the order given.

    Args:
        faces: in pixels of the frame.
        scope: None: all count.
        size: width and height of the frame.
    """
    if scope is None:
        return list(faces)
    widest = scope.max_face or float("inf")
    return [
        face
        for face in faces
        if face.box[2] <= widest and not any(contains(mask, face, size) for mask in scope.masks)
    ]


def zones_of(face: FoundFace, zones: Sequence[Zone], size: tuple[int, int]) -> tuple[str, ...]:
    """Return the names of the zones that a face's centre lies in."""
    return tuple(zone.name for zone in zones if contains(zone.polygon, face, size))


def contains(polygon: Polygon, face: FoundFace, size: tuple[int, int]) -> bool:
    """Say whether the centre of a face's box lies in a polygon or on its edge."""
    x, y, width, height = face.box
    centre = ((x + width / 2) / size[0], (y + height / 2) / size[1])
    return cv2.pointPolygonTest(np.array(polygon, np.float32), centre, False) >= 0


def black_out(picture: Image, masks: Iterable[Polygon]) -> None:
    """Paint the masks black, edges included, in place: picture is (H, W, 3) uint8."""
    height, width = picture.shape[:2]
    for mask in masks:
        corners = np.array(mask, np.float32) * (width, height)
        cv2.fillPoly(picture, [np.rint(corners).astype(np.int32)], (0, 0, 0))
