"""The plain single-process loop that a pipeline is measured against: decode, detect, crop, classify.

It runs beside the pipeline, in a process of its own and at the pace of all cameras together. A machine's
speed changes from one minute to the next (a virtual one's by a third): only what runs at the same time is
measured with the same yardstick.
"""

import multiprocessing
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shared import process
from shared.artefact import DEFAULT_ARTEFACT, load_artefact
from shared.config import Settings, load_settings
from shared.errors import StackError
from shared.vision.align import crop_face
from shared.vision.faces import load_detector, select_faces
from shared.vision.predict import Predictor

WARM_UP_FRAMES: Final = 20
READY_SECONDS: Final = 60.0


class PlainLoop:
    """The loop in its process, while the context is entered; it waits until it is told to run.

    Args:
        clip: video whose frames it works on, again and again.
        settings: nested, as given to `load_settings`.
    """

    def __init__(self, clip: Path, settings: Mapping[str, Any]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, clip, settings), daemon=True)
        self._theirs = theirs

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        self._answer(READY_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def run(self, fps: float, seconds: float) -> float:
        """Work for so long at this pace, or as fast as it goes.

        Returns:
            Processor seconds that 1,000 frames took.
        """
        self._connection.send((fps, seconds))
        return self._answer(seconds + READY_SECONDS)

    def _answer(self, seconds: float) -> float:
        try:
            if self._connection.poll(seconds):
                return float(self._connection.recv())
        except EOFError:
            pass
        raise StackError("the plain loop ended early; its last words are above")


def _serve(connection: Connection, clip: Path, settings: Mapping[str, Any]) -> None:
    process.die_with_parent()
    process.prepare(threads=1)
    work = _Work(load_settings(**settings))
    frames = _frames(clip)
    for _ in range(WARM_UP_FRAMES):
        work.on(next(frames))
    connection.send(0.0)
    fps, seconds = connection.recv()
    began, cpu, done = time.monotonic(), time.process_time(), 0
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(max(0.0, done / fps - passed))
        work.on(next(frames))
        done += 1
    connection.send((time.process_time() - cpu) / done * 1000)


class _Work:
    """What one frame takes, with the services' own functions; the detector resizes to its width."""

    def __init__(self, settings: Settings) -> None:
        self._min_face = settings.detector.min_face
        self._detector = load_detector(settings.detector)
        model = load_artefact(settings.classifier.model or DEFAULT_ARTEFACT)
        self._predictor = Predictor(model, settings.classifier.file, settings.classifier.threads)

    def on(self, frame: NDArray[np.uint8]) -> None:
        """Find the frame's faces and read them."""
        faces, _ = select_faces(self._detector.detect(frame), self._min_face)
        if faces:
            crops = [crop_face(frame, face.box, face.landmarks) for face in faces]
            self._predictor.predict(np.stack(crops))


def _frames(clip: Path) -> Iterator[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(clip))
    while True:
        ok, frame = capture.read()
        if ok:
            yield np.asarray(frame, np.uint8)
        else:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
