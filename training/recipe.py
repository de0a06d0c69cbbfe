"""What a training run does, as data: stages, rates, decay, targets. Written beside the weights it makes."""

import math
from typing import Final

import msgspec

from shared.errors import DataError


class Stage(msgspec.Struct, frozen=True):
    """Some epochs at one input size. `trainable` is `none` (head only), `all`, or the trunk layer to start
    from.

    The learning rate runs from `start` to `end` over the stage, as shares of the whole cosine when `cosine`
    is set.
    """

    name: str
    size: int
    epochs: int
    peak: float
    trainable: str = "all"
    plain: bool = False
    """Without mixup and erasing."""
    cosine: tuple[float, float] = (0.0, 1.0)
    """Which part of the half cosine from `peak` to 0 this stage covers."""
    warm_up_epochs: float = 0.0


class Recipe(msgspec.Struct, frozen=True):
    """All choices of a run but its seed and data."""

    stages: tuple[Stage, ...]
    batch_size: int = 64
    weight_decay: float = 0.02
    clip_norm: float = 5.0
    label_smoothing: float = 0.1
    average_decay: float = 0.9995
    class_weight_power: float = 0.0
    """Loss of a class is multiplied by (mean count / its count) ** power."""
    logit_adjustment: float = 0.0
    """This times the log of the class's share is added to the logits in the loss (Menon et al., 2021)."""
    native_size: int = 48
    patience: int = 0
    """Stop after so many epochs without a better validation figure; 0 never stops early."""


HEAD_RATE: Final = 1e-3
PEAK_RATE: Final = 1e-3
FINAL_RATE: Final = 1e-4


def standard_stages(
    small: int,
    large: int,
    final: int,
    sizes: tuple[int, int] = (64, 96),
    start: str = "all",
    *,
    head: int = 1,
    peak: float = PEAK_RATE,
) -> tuple[Stage, ...]:
    """Head epochs, one cosine over `small` + `large` epochs at two sizes, `final` ones without mixup."""
    turn = small / max(small + large, 1)
    stages = (
        Stage("head", sizes[0], head, HEAD_RATE, "none", cosine=(0.0, 0.5)),
        Stage("small", sizes[0], small, peak, start, cosine=(0.0, turn), warm_up_epochs=0.5),
        Stage("large", sizes[1], large, peak, start, cosine=(turn, 1.0)),
        Stage("final", sizes[1], final, FINAL_RATE, start, plain=True),
    )
    return tuple(stage for stage in stages if stage.epochs)


def learning_rate(stage: Stage, done: float, warm: float) -> float:
    """Rate when a share `done` (0..1) of a stage lies behind: its part of a half cosine times `warm`
    (0..1).
    """
    start, end = stage.cosine
    place = start + (end - start) * min(done, 1.0)
    return stage.peak * min(warm, 1.0) * 0.5 * (1 + math.cos(math.pi * place))


def time_shares(stages: tuple[Stage, ...]) -> list[float]:
    """Where each stage ends, as a share of a time budget: epochs count by what they cost, area times depth
    trained.

    The last one is 1. A frozen trunk costs about a quarter of a step that trains it.
    """
    costs = [stage.epochs * stage.size**2 * (0.25 if stage.trainable == "none" else 1.0) for stage in stages]
    total = sum(costs)
    return [sum(costs[: index + 1]) / total for index in range(len(costs))]


def check(recipe: Recipe) -> None:
    """Raise DataError for a recipe that can't train."""
    if not recipe.stages:
        raise DataError("the recipe has no epochs; give at least one")
    if recipe.batch_size < 2 or recipe.batch_size % 2:
        raise DataError(f"batch size {recipe.batch_size} must be even and at least 2")


def summary(recipe: Recipe) -> dict[str, str | int | float]:
    """The recipe for a person: a line for each stage, then the other choices."""
    lines: dict[str, str | int | float] = {}
    for stage in recipe.stages:
        trains = {"all": "everything", "none": "the head"}.get(stage.trainable, f"from {stage.trainable}")
        plain = ", without mixup and erasing" if stage.plain else ""
        lines[f"stage {stage.name}"] = (
            f"{stage.epochs} epochs asked for, at {stage.size} pixels, learning rate from {stage.peak:g}, "
            f"trains {trains}{plain}"
        )
    rest = {name: getattr(recipe, name) for name in recipe.__struct_fields__ if name != "stages"}
    return {**lines, **{name.replace("_", " "): value for name, value in rest.items()}}
