"""What a run keeps: the best weights by validation and what they are, in one file."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from training.checkpoint import read_arrays, write_arrays
from training.recipe import Recipe

BEST = "best.npz"


class Best(msgspec.Struct, frozen=True):
    """What the best weights are: everything needed to build their network again, how they validated, and
    how they came about.
    """

    backbone: str
    classes: tuple[str, ...]
    size: int
    native_size: int
    accuracy: float
    macro_f1: float
    origin: str
    """Which weights these are, for a person: "stage final, epoch 3"."""
    seed: int
    steps: int
    recipe: Recipe


@dataclass(frozen=True)
class Trained:
    """The best weights of a run, with what they are."""

    about: Best
    weights: list[NDArray[np.generic]]


def keep(run: Path, trained: Trained) -> None:
    """Write the best weights into a run's folder, over the former ones."""
    write_arrays(run / BEST, {"weights": trained.weights}, msgspec.json.encode(trained.about))


def load_trained(run: Path) -> Trained:
    """Read the best weights of a run's folder; DataError where there are none or the file is damaged."""
    path = run / BEST
    if not path.is_file():
        raise DataError(f"{run} holds no {BEST}; give the --out folder of a run of at least one epoch")
    groups, note = read_arrays(path)
    try:
        return Trained(msgspec.json.decode(note, type=Best), groups["weights"])
    except (msgspec.MsgspecError, KeyError) as error:
        raise DataError(f"{path} does not say what network it belongs to: {error}") from error
