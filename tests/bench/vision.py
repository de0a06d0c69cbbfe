"""Prints what each step of vision takes on this machine: `python -m tests.bench.vision [--weights FILE]`."""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from shared.process import prepare

prepare(1)

import cv2  # noqa: E402  # threads are settled first
import numpy as np  # noqa: E402

from services.detector.decode import decode_frame  # noqa: E402
from services.detector.preview import render  # noqa: E402
from shared.artefact import DEFAULT_ARTEFACT, load_artefact  # noqa: E402
from shared.config import DetectorSettings  # noqa: E402
from shared.frame_memory import FrameReader  # noqa: E402
from shared.messages import Encoding, Frame  # noqa: E402
from shared.vision.align import crop_face, to_input  # noqa: E402
from shared.vision.faces import load_detector, shrink  # noqa: E402
from shared.vision.predict import Predictor  # noqa: E402
from shared.vision.yunet_wheel import WheelYuNet  # noqa: E402
from tests.media import astronaut  # noqa: E402

REPEATS = 100


def measure(name: str, step: Callable[[], object], repeats: int = REPEATS) -> None:
    """Print a step's median and 90th percentile in ms, after a warm-up."""
    for _ in range(5):
        step()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        step()
        times.append((time.perf_counter() - began) * 1000)
    print(f"{name:<44}{statistics.median(times):9.3f} ms{statistics.quantiles(times, n=10)[-1]:9.3f} ms")


def frame_of(picture: np.ndarray) -> tuple[Frame, bytes]:
    """Return a picture as a frame's message."""
    height, width = picture.shape[:2]
    header = Frame(
        camera="bench", run=1, sequence=1, live=True, captured_ns=0, width=width, height=height, ages={},
        encoding=Encoding.JPEG, age_ns=0, previous=0,
    )  # fmt: skip
    return header, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def main() -> None:
    """Measure detection both ways, cropping, previews, the network's input and prediction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="YuNet ONNX file; else the cached one, if any")
    weights = parser.parse_args().weights
    picture = cv2.resize(astronaut()[64:448], (640, 480))
    header, jpeg = frame_of(picture)
    print(f"{'640x480, one face, one thread':<44}{'median':>12}{'p90':>12}")
    measure("decode JPEG", lambda: decode_frame(header, jpeg, FrameReader()))
    measure("shrink to 320", lambda: shrink(picture, 320))
    for width in (320, 640):
        settings = DetectorSettings(width=width, weights=weights)
        for detector in {
            each.name: each for each in (load_detector(settings), WheelYuNet(settings))
        }.values():
            measure(f"detect {detector.name}", lambda detector=detector: detector.detect(picture), 30)
    found = load_detector(DetectorSettings(weights=weights)).detect(picture)
    measure("crop", lambda: crop_face(picture, found[0].box, found[0].landmarks))
    measure("preview, blurred", lambda: render(header, picture, found, blurred=True))
    crop = crop_face(picture, found[0].box, found[0].landmarks)
    measure_models(crop[None])


def measure_models(crop: np.ndarray) -> None:
    """Measure both LiteRT files of the artefact that ships, at several batch sizes."""
    artefact = load_artefact(DEFAULT_ARTEFACT)
    card = artefact.card
    measure("to_input, 1 crop", lambda: to_input(crop, card.native_size, card.input_size))
    for file in sorted(name for name in card.files if name.endswith(".tflite")):
        predictor = Predictor(artefact, file, 1)
        for count in (1, 2, 3, 4, 8, 16, 32):
            crops = crop.repeat(count, axis=0)
            measure(f"predict {file}, {count} crop(s)", lambda c=crops, p=predictor: p.predict(c), 30)


if __name__ == "__main__":
    main()
