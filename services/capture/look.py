"""A trial look at one source, without a stack: `python -m services.capture.look`, its settings on stdin."""

import argparse
import base64
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from shared import process
from shared.config import BROWSER, CameraSettings, CaptureSettings, load_settings
from shared.errors import ConfigError, MienError, SourceError

if TYPE_CHECKING:
    from services.capture.picture import Picture

LOOK_SECONDS: Final = 1.0


class Look(NamedTuple):
    """What a source gave.

    Attributes:
        picture: the last one, (H, W, 3) uint8, turned and resized as set.
        fps: frames a second, as the source says, else as they came.
        first_frame_seconds: from the start of opening it.
    """

    picture: "Picture"
    fps: float
    first_frame_seconds: float


def main() -> None:
    """Open the source named on standard input (a URL may hold a password) and read it for a second."""
    process.die_with_parent()
    process.silence_native_errors()
    process.keep_stdout()
    process.prepare(threads=1)
    parser = argparse.ArgumentParser(prog="python -m services.capture.look")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--picture", choices=["blurred", "clear"], help="give the picture, too")
    arguments = parser.parse_args()
    try:
        print(json.dumps(_report(arguments.config, arguments.picture)))
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _report(config: Path | None, shown: str | None) -> dict[str, Any]:
    from services.capture.examination import examine, shown_picture
    from shared.vision.faces import load_detector

    settings = load_settings(config)
    try:
        camera = CameraSettings.model_validate_json(sys.stdin.read())
    except ValidationError:
        raise ConfigError("standard input: not the settings of a camera as JSON") from None
    seen = look(camera, settings.capture)
    found = load_detector(settings.detector).detect(seen.picture)
    faces, advice = examine(seen.picture, seen.fps, found, camera, settings.detector.min_face)
    report: dict[str, Any] = {
        "width": seen.picture.shape[1],
        "height": seen.picture.shape[0],
        "fps": seen.fps,
        "first_frame_seconds": seen.first_frame_seconds,
        "faces": [{"box": face.box, "score": face.score} for face in faces],
        "advice": advice,
    }
    if shown:
        jpeg = shown_picture(seen.picture, found, camera, blurred=shown == "blurred")
        report["picture"] = base64.b64encode(jpeg).decode()
    return report


def look(camera: CameraSettings, capture: CaptureSettings) -> Look:
    """Open a source as capture does and read it for a second.

    Raises:
        SourceError: it can't be opened, or gives no picture.
    """
    from services.capture.sources import open_source

    if camera.source == BROWSER:
        raise SourceError("source browser: its pictures come from the page itself; there is nothing to open")
    began = time.monotonic()
    opened = open_source(camera, capture)
    picture, first, frames = None, 0.0, 0
    while (not first or time.monotonic() - first < LOOK_SECONDS) and opened.grab():
        new = opened.retrieve()
        if new is not None:
            picture, first, frames = new, first or time.monotonic(), frames + 1
    opened.close()
    if picture is None:
        raise SourceError("the source opened, but gave no picture")
    seconds = max(time.monotonic() - first, 1e-3)
    rate = 1 / opened.interval_seconds if opened.interval_seconds else frames / seconds
    return Look(picture, round(rate, 2), round(first - began, 2))


if __name__ == "__main__":
    main()
