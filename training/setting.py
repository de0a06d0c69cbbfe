"""The inputs of a training run."""

from dataclasses import dataclass, field
from pathlib import Path

from training.augment import Augmentation
from training.data import Pictures
from training.learner import Teacher
from training.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """Inputs of a run. `out` is its folder; with `budget_seconds` its stages share that time."""

    train: Pictures
    validation: Pictures
    recipe: Recipe
    out: Path
    backbone: str = "mobilenetv2"
    weights: str = "none"
    seed: int = 1
    begin_with: Path | None = None
    """Folder of an earlier run whose best weights this one starts from, head included."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    teacher: Teacher | None = None
    budget_seconds: float | None = None
