"""Trains several backbones on the same budget and compares what they reach with what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from msgspec.structs import replace as replaced
from rich.console import Console
from rich.table import Table

from training.backbones import find_backbone
from training.benchmark import milliseconds
from training.convert import to_float
from training.describe import describe
from training.outcome import load_trained
from training.serving import serving_model
from training.setting import Setting
from training.train import Trainer


@dataclass(frozen=True)
class Entry:
    """A backbone after its share of training: figures on validation, size, work and time of one picture."""

    backbone: str
    accuracy: float
    macro_f1: float
    parameters: int
    work: int
    milliseconds: float


def contest(setting: Setting, backbones: Sequence[str], weights: str, console: Console) -> list[Entry]:
    """Train each of `backbones` as `setting` says, in a folder of its own below `setting.out`.

    `weights` is `imagenet` or `none`. A network that takes no pictures as small as the recipe's gets the
    smallest multiple of 32 that it takes.
    """
    return [_enter(setting, name, weights, console) for name in backbones]


def _enter(setting: Setting, name: str, weights: str, console: Console) -> Entry:
    backbone = find_backbone(name)
    smallest = -(-backbone.smallest // 32) * 32
    stages = tuple(replaced(stage, size=max(stage.size, smallest)) for stage in setting.recipe.stages)
    recipe = replaced(setting.recipe, stages=stages)
    mine = replace(
        setting, recipe=recipe, out=setting.out / backbone.name, backbone=backbone.name, weights=weights
    )
    console.print(f"{backbone.name}:")
    best = Trainer(mine, console).run()
    served = serving_model(load_trained(mine.out), 1.0)
    about = describe(backbone, best.size, len(best.classes))
    taken = milliseconds(to_float(served), 1)
    return Entry(backbone.name, best.accuracy, best.macro_f1, about.parameters, about.work, taken)


def contest_table(entries: Sequence[Entry]) -> Table:
    """A row for each backbone, best first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("backbone", "accuracy", "macro-F1", "M parameters", "M multiply-adds", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in sorted(entries, key=lambda entry: -entry.accuracy):
        scores, size = (f"{entry.accuracy:.4f}", f"{entry.macro_f1:.4f}"), f"{entry.parameters / 1e6:.2f}"
        table.add_row(entry.backbone, *scores, size, f"{entry.work / 1e6:.1f}", f"{entry.milliseconds:.2f}")
    return table


def draw_contest(entries: Sequence[Entry], path: Path) -> None:
    """Accuracy over time of one picture, a dot a backbone, its area by parameters."""
    figure = Figure((7, 4.5), layout="constrained")
    axes = figure.subplots()
    areas = np.sqrt([entry.parameters for entry in entries]) / 10
    axes.scatter([entry.milliseconds for entry in entries], [entry.accuracy for entry in entries], s=areas)
    for entry in entries:
        axes.annotate(entry.backbone, (entry.milliseconds, entry.accuracy), fontsize="small")
    axes.set(xscale="log", xlabel="ms for one picture, one thread", ylabel="validation accuracy")
    figure.savefig(path, dpi=110)
