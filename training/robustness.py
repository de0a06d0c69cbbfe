"""Measures what spoiled pictures cost a model, and how often it rightly says that it is uncertain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from shared.artefact import Artefact
from shared.errors import DataError
from training.corrupt import CORRUPTIONS, SIDE, enlarged, spoiled
from training.data import list_pictures, load_split, read_grey, square
from training.evaluate import find_pictures
from training.measure import accuracy
from training.runners import Runner, open_file


@dataclass(frozen=True)
class Cost:
    """Accuracy under a corruption, and what it lost against clean pictures, in points."""

    name: str
    strength: str
    accuracy: float
    lost_points: float


@dataclass(frozen=True)
class Robustness:
    """Costs of every corruption, and the share of crops without a face called uncertain, by kind."""

    pictures: int
    clean: float
    costs: tuple[Cost, ...]
    uncertain_without_face: tuple[tuple[str, float], ...]


def robustness(artefact: Artefact, data: Path, file: str, without_faces: Sequence[Path] = ()) -> Robustness:
    """Run a file of an artefact on the pictures of `data`, clean and spoiled, and on crops without a face:
    drawn ones, and squares of the photographs in the folders `without_faces`.
    """
    card = artefact.card
    folder = find_pictures(data, card.labels)
    pictures, _ = load_split(folder, card.labels, card.native_size, root=folder)
    run, crops = open_file(artefact, file), enlarged(pictures.images)
    clean = accuracy(pictures.labels, run(crops, "clean").argmax(1))
    costs = []
    for corruption in CORRUPTIONS:
        right = accuracy(pictures.labels, run(spoiled(crops, corruption), corruption.name).argmax(1))
        costs.append(Cost(corruption.name, corruption.strength, right, 100 * (clean - right)))
    threshold = card.files[file].uncertain_threshold
    empty = [*empty_crops().items(), *((path.name, squares(path)) for path in without_faces)]
    without = tuple((name, _uncertain(run, shown, threshold)) for name, shown in empty)
    return Robustness(len(pictures), clean, tuple(costs), without)


def empty_crops(count: int = 200, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """(count, 96, 96) uint8 crops without a face: even grey, noise, smooth noise (clouds), edges."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (count, SIDE, SIDE)).astype(np.uint8)
    coarse = rng.integers(0, 256, (count, 6, 6)).astype(np.uint8)
    angles, rows = rng.uniform(0, np.pi, (count, 1, 1)), np.arange(SIDE)
    waves = np.sin(
        (rows[:, None] * np.cos(angles) + rows * np.sin(angles)) * rng.uniform(0.05, 0.6, (count, 1, 1))
    )
    return {
        "even grey": np.repeat(rng.integers(0, 256, (count, 1, 1)), SIDE, 1).repeat(SIDE, 2).astype(np.uint8),
        "noise": noise,
        "clouds": enlarged(coarse),
        "stripes": (127 + 120 * np.sign(waves)).astype(np.uint8),
    }


def squares(folder: Path, count: int = 200, seed: int = 0) -> NDArray[np.uint8]:
    """(count, 96, 96) uint8 squares from the pictures in `folder`: each in turn, at random places and sizes.

    A side is a quarter of the picture's shorter one at least. DataError where no picture can be read.
    """
    found = (read_grey(path) for path in list_pictures(folder))
    pictures = [picture for picture in found if picture is not None]
    if not pictures:
        raise DataError(f"{folder} holds no picture that can be read")
    rng, crops = np.random.default_rng(seed), []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        height, width = picture.shape
        side = max(int(min(height, width) * rng.uniform(0.25, 1)), 1)
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crops.append(square(picture[top : top + side, left : left + side], SIDE))
    return np.stack(crops)


def _uncertain(run: Runner, crops: NDArray[np.uint8], threshold: float) -> float:
    return float((run(crops).max(1) < threshold).mean())


def robustness_table(found: Robustness) -> Table:
    """What each corruption costs, a row each, then how empty crops fare."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("pictures", "strength", "accuracy", "points lost"):
        table.add_column(heading, no_wrap=True)
    table.add_row("clean", "", f"{found.clean:.4f}", "")
    for cost in found.costs:
        table.add_row(cost.name, cost.strength, f"{cost.accuracy:.4f}", f"{cost.lost_points:+.1f}")
    for name, share in found.uncertain_without_face:
        table.add_row(f"{name}, no face", "", f"{share:.0%} uncertain", "")
    return table
