"""What a person should know of a camera before it is used: its faces, advice, and a picture to look at."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from services.capture.picture import Picture, shrink
from shared.config import CameraSettings
from shared.errors import SourceError
from shared.vision.areas import black_out, faces_in_scope, scope_of
from shared.vision.blur import blur
from shared.vision.faces import FoundFace

NEEDED_WIDTH: Final = 48
"""Pixels: the width of the faces that models are trained on; smaller ones are read by guessing."""
FEW_FPS: Final = 5.0
DARK: Final = 40
"""Mean of 255: a room in which a person sees little, too."""
SHOWN_WIDTH: Final = 1280
JPEG_QUALITY: Final = 80


def examine(
    picture: Picture, fps: float, found: Sequence[FoundFace], camera: CameraSettings, min_face: int
) -> tuple[list[FoundFace], list[str]]:
    """Return the faces that count, largest first, and advice, one line each.

    Args:
        picture: (H, W, 3) uint8.
        fps: frames a second.
        found: all faces that the detector found, largest first.
        camera: whose masks and face sizes say which of them count.
        min_face: narrowest face in pixels where the camera names none.
    """
    faces = faces_in_scope(found, scope_of(camera), (picture.shape[1], picture.shape[0]))
    smallest = camera.min_face or min_face
    narrow = sum(face.box[2] < smallest for face in faces)
    advice = [_on_faces(faces, hidden=len(found) - len(faces))]
    if narrow:
        advice.append(f"{narrow} of {len(faces)} faces left out: narrower than min_face, {smallest} px")
    if fps < FEW_FPS:
        advice.append(f"{fps:g} frames/s; with {FEW_FPS:g} or more a face is followed better")
    if picture.mean() < DARK:
        advice.append("the picture is dark; more light makes faces easier to read")
    return faces, [line for line in advice if line]


def _on_faces(faces: Sequence[FoundFace], hidden: int) -> str:
    if not faces and hidden:
        return f"all {hidden} faces are masked or too wide"
    if not faces:
        return f"no face found; it should look towards the camera and be {NEEDED_WIDTH} px wide or more"
    widest = round(max(face.box[2] for face in faces))
    if widest < NEEDED_WIDTH:
        return f"faces {widest} px; {NEEDED_WIDTH} needed: bring the camera closer, or take a larger picture"
    return ""


def shown_picture(
    picture: Picture, found: Sequence[FoundFace], camera: CameraSettings, blurred: bool
) -> bytes:
    """Return a JPEG of at most 1280 pixels' width: masks are black, faces blurred unless clear is allowed."""
    small = np.array(shrink(picture, SHOWN_WIDTH))
    scale = small.shape[1] / picture.shape[1]
    if blurred:
        for face in found:
            blur(small, [value * scale for value in face.box])
    black_out(small, camera.masks)
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise SourceError("the picture can't be shown as a JPEG")
    return jpeg.tobytes()
