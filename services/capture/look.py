"""A look at one source without a stack: `python -m services.capture.look`, the source on standard input."""

import json
import sys
import time
from typing import Final

from shared import process
from shared.config import CameraSettings, load_settings
from shared.errors import MienError, SourceError

LOOK_SECONDS: Final = 1.0


def main() -> None:
    """Open the source named on standard input (a URL may hold a password) and read it for a second."""
    process.die_with_parent()
    process.prepare(threads=1)
    try:
        print(json.dumps(look(sys.stdin.read())))
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def look(source: str) -> dict[str, float]:
    """Return width and height in pixels, frames_per_second, and first_frame_seconds from now.

    Raises:
        SourceError: it can't be opened, or gives no picture.
    """
    from services.capture.sources import open_source

    began = time.monotonic()
    opened = open_source(CameraSettings(source=source), load_settings().capture)
    first, frames, size = 0.0, 0, (0, 0)
    while (not first or time.monotonic() - first < LOOK_SECONDS) and opened.grab():
        picture = opened.retrieve()
        if picture is None:
            continue
        first, frames, size = first or time.monotonic(), frames + 1, (picture.shape[1], picture.shape[0])
    opened.close()
    if not frames:
        raise SourceError("the source opened, but gave no picture")
    seconds = max(time.monotonic() - first, 1e-3)
    rate = 1 / opened.interval_seconds if opened.interval_seconds else frames / seconds
    return {
        "width": size[0],
        "height": size[1],
        "frames_per_second": round(rate, 2),
        "first_frame_seconds": round(first - began, 2),
    }


if __name__ == "__main__":
    main()
