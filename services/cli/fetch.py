"""`mien fetch`: the face detector's weights, checked."""

from pathlib import Path
from typing import Annotated

import typer


def fetch(
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="A copy brought here by hand, instead of the download."),
    ] = None,
) -> None:
    """Get YuNet's weights from their authors, check them by SHA-256, and keep them for detectors.

    Without them the same network runs from the yuface package, about six times slower.
    Restart detectors that already run: mien up again, or mien scale detector=0 and back.
    """
    from shared.vision.weights import fetch_weights

    print(f"YuNet weights are in {fetch_weights(source)}")
