"""The plain single-process loop that a pipeline is measured against: decode, detect, crop, classify."""

import itertools
import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from shared.artefact import load_artefact
from shared.config import Settings
from shared.vision.align import crop_face
from shared.vision.faces import load_detector, select_faces
from shared.vision.predict import Predictor

WARM_UP_FRAMES: Final = 20


def cpu_seconds_per_1000_frames(clip: Path, settings: Settings, model: Path, frames: int = 400) -> float:
    """Return the processor time that 1,000 frames of the clip take, with the services' own functions.

    Resizing to the detection width is part of the detector.
    """
    detector = load_detector(settings.detector)
    predictor = Predictor(load_artefact(model), settings.classifier.file, settings.classifier.threads)
    capture = cv2.VideoCapture(str(clip))
    began = 0.0
    for number in itertools.count():
        if number == WARM_UP_FRAMES:
            began = time.process_time()
        if number == WARM_UP_FRAMES + frames:
            break
        ok, read = capture.read()
        if not ok:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            continue
        frame = np.asarray(read, np.uint8)
        faces, _ = select_faces(detector.detect(frame), settings.detector.min_face)
        if faces:
            crops = [crop_face(frame, face.box, face.landmarks) for face in faces]
            predictor.predict(np.stack(crops))
    capture.release()
    return (time.process_time() - began) / frames * 1000
