"""Cuts the face out of each picture as a detector worker would, for evaluation with detection in front."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.config import DetectorSettings
from shared.errors import DataError
from shared.vision.align import crop_face
from shared.vision.faces import Detector, load_detector
from training.data import Pictures, list_pictures
from training.progress import bar

SMALLEST = 192
"""Pictures narrower than this are enlarged first: the detector does not see faces of 48 pixels that fill
them.
"""


def find_crop(picture: NDArray[np.uint8], detector: Detector) -> NDArray[np.uint8] | None:
    """The largest face of a (H, W, 3) uint8 picture as a (96, 96) uint8 crop, or None where none is found."""
    width = picture.shape[1]
    if width < SMALLEST:
        factor = SMALLEST / width
        picture = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor), np.uint8)
    faces = detector.detect(picture)
    return crop_face(picture, faces[0].box, faces[0].landmarks) if faces else None


def load_detected(folder: Path, classes: tuple[str, ...]) -> tuple[Pictures, list[int]]:
    """Crops of the faces found in class folders, and the labels of the pictures in which none was found.

    Raises DataError where no face is found at all.
    """
    detector = load_detector(DetectorSettings())
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    names: list[str] = []
    missed: list[int] = []
    paths = [(index, path) for index, name in enumerate(classes) for path in list_pictures(folder / name)]
    for index, path in bar(paths, "finding faces"):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        crop = None if picture is None else find_crop(np.asarray(picture, np.uint8), detector)
        if crop is None:
            missed.append(index)
            continue
        images.append(crop)
        labels.append(index)
        names.append(path.relative_to(folder).as_posix())
    if not images:
        raise DataError(f"the detector finds no face in the pictures of {folder}; evaluate without --detect")
    hashes = tuple("" for _ in names)
    return Pictures(np.stack(images), np.asarray(labels, np.int64), tuple(names), hashes, classes), missed
