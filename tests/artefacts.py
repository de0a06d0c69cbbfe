"""Small model folders for tests."""

import shutil
from pathlib import Path

import msgspec

from shared.artefact import CARD, FORMAT, Artefact, Card, Crop, ModelFile, digest, load_artefact
from shared.vision.align import FER_BOX

BRIGHTNESS = Path(__file__).parent / "data" / "brightness.tflite"
LABELS = ("bright", "dark", "neither")


def make_artefact(folder: Path, files: dict[str, Path] | None = None, **changes) -> Artefact:
    """Write a model folder whose network reads how bright a crop is, and return it checked.

    With b = 4 x mean / 255 it gives the softmax of +b, -b, 0 for bright, dark, neither.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = {}
    for name, source in (files or {"model_int8.tflite": BRIGHTNESS}).items():
        path = Path(shutil.copy(source, folder / name))
        listed[name] = ModelFile(
            sha256=digest(path), bytes=path.stat().st_size, temperature=1.0, uncertain_threshold=0.5
        )
    values = {
        "format": FORMAT,
        "name": "brightness",
        "labels": LABELS,
        "crop": Crop(name=FER_BOX.name, version=1, parameters={}),
        "native_size": 48,
        "input_size": 8,
        "files": listed,
        "data": {},
        "recipe": {},
        "licence": "Apache-2.0",
    }
    (folder / CARD).write_bytes(msgspec.json.encode(Card(**(values | changes))))
    return load_artefact(folder)
