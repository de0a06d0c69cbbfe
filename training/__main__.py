"""`python -m training COMMAND`: train, evaluate, export and describe the emotion classifier."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.errors import DataError, MienError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(soft_wrap=True)


@app.callback()
def _group() -> None:
    """Train, evaluate, export and describe the emotion classifier."""


@app.command()
def train(
    data: Annotated[
        Path, typer.Option(help="Folder with train/ and validation/, one folder per class in each.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of this run: checkpoints, log, curves.")],
    backbone: Annotated[str, typer.Option(help="Network family; `describe` lists them.")] = "mobilenetv2",
    weights: Annotated[str, typer.Option(help="imagenet, none, or a weights file.")] = "imagenet",
    exclude: Annotated[Path | None, typer.Option(help="List of pictures that must not train.")] = None,
    epochs: Annotated[
        tuple[int, int, int],
        typer.Option(help="Epochs at the small size, at the large size, and at the end."),
    ] = (20, 20, 5),
    sizes: Annotated[tuple[int, int], typer.Option(help="Small and large input side in pixels.")] = (64, 96),
    seed: Annotated[int, typer.Option(help="Makes a run repeatable.")] = 1,
    mixup: Annotated[float, typer.Option(help="Share of pictures that are mixed with another one.")] = 0.5,
    average_decay: Annotated[float, typer.Option(help="Decay per step of the averaged weights.")] = 0.9995,
    time_budget: Annotated[
        str | None, typer.Option(help="Fit the stages to this time: 50m, 2h, 900s.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in --out.")] = False,
    threads: Annotated[int | None, typer.Option(help="Threads TensorFlow may use.")] = None,
) -> None:
    """Train a classifier: the head first, then the whole network, at growing input sizes."""
    from training.augment import Augmentation
    from training.prepare import prepare, write_report
    from training.recipe import Recipe, standard_stages
    from training.threads import use_threads
    from training.train import Setting, Trainer

    use_threads(threads)
    recipe = Recipe(standard_stages(*epochs, sizes=sizes), average_decay=average_decay)
    prepared = prepare(data, recipe.native_size, exclude, seed)
    write_report(prepared, out)
    for line in prepared.report.lines():
        console.print(line)
    how = Augmentation(mixup_share=mixup)
    setting = Setting(prepared.train, prepared.validation, recipe, out, backbone, weights, seed, how)
    if time_budget:
        setting = replace(setting, budget_seconds=parse_seconds(time_budget))
    best = Trainer(setting, console).run(resume=resume)
    console.print(f"best: validation accuracy {best.accuracy:.4f}, macro-F1 {best.macro_f1:.4f}")


@app.command()
def export(
    run: Annotated[Path, typer.Option(help="Folder of a training run (its --out).")],
    data: Annotated[Path, typer.Option(help="What it was trained on: calibrates and measures.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    exclude: Annotated[Path | None, typer.Option(help="The exclude list it was trained with.")] = None,
    source: Annotated[str, typer.Option(help="What the pictures are and whose, for the card.")] = "",
    licence: Annotated[str, typer.Option(help="Terms of the weights, for the card.")] = "see MODEL_LICENSE",
    provisional: Annotated[str, typer.Option(help="Mark as provisional, and say why.")] = "",
    note: Annotated[str, typer.Option(help="A remark for the card.")] = "",
    threads: Annotated[int | None, typer.Option(help="Threads TensorFlow may use.")] = None,
) -> None:
    """Export the best weights of a run as a model folder: Keras, float and int8 files, card, licence."""
    from training.export import export as write
    from training.export import order_from_run
    from training.threads import use_threads

    use_threads(threads)
    texts = {"source": source, "licence": licence, "provisional": provisional, "note": note}
    artefact = write(order_from_run(run, data, exclude, out, texts))
    for name, file in artefact.card.files.items():
        if file.metrics:
            console.print(
                f"{name}: {file.bytes / 1e6:.1f} MB, accuracy {file.metrics.accuracy:.4f}, "
                f"macro-F1 {file.metrics.macro_f1:.4f}, ECE {file.metrics.ece:.4f}"
            )
    console.print(f"written: {out}")


def parse_seconds(text: str) -> float:
    """Seconds of a time such as 50m, 2h, 900s or 1h30m; raises DataError for anything else."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    hours, minutes, seconds = (int(part or 0) for part in parts.groups()) if parts else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise DataError(f"{text!r} is no time; write it like 50m, 2h or 900s")
    return float(total)


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    try:
        app()
    except MienError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]error:[/red] {error}", highlight=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
