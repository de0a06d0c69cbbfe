"""`python -m training COMMAND`: train, evaluate, export and describe the emotion classifier.

Heavy imports stand inside the commands, so that `--help` and a wrong option answer at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace as replaced
from rich.console import Console

from shared import process
from shared.artefact import DEFAULT_ARTEFACT, load_artefact
from shared.errors import DataError, MienError
from training.options import parse_seconds

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(soft_wrap=True)

Data = Annotated[Path, typer.Option(help="Folder with train/ and validation/, one folder per class in each.")]
Exclude = Annotated[Path | None, typer.Option(help="List of pictures that must not train.")]
Threads = Annotated[int | None, typer.Option(help="Threads TensorFlow may use; else as many as it likes.")]
Labelled = Annotated[Path, typer.Option(help="Folder with a folder per class, or with validation/.")]
ModelFolder = Annotated[Path, typer.Option(help="Model folder.", show_default="the one that ships")]


@app.callback()
def _group() -> None:
    """Train, evaluate, export and describe the emotion classifier."""


@app.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of this run: checkpoints, log, curves.")],
    backbone: Annotated[str, typer.Option(help="Network family.")] = "mobilenetv2",
    weights: Annotated[str, typer.Option(help="imagenet, none, or a weights file.")] = "imagenet",
    exclude: Exclude = None,
    epochs: Annotated[
        tuple[int, int, int], typer.Option(help="Epochs at the small size, the large size, and at the end.")
    ] = (20, 20, 5),
    sizes: Annotated[tuple[int, int], typer.Option(help="Small and large input side, pixels.")] = (64, 96),
    peak: Annotated[float, typer.Option(help="Highest learning rate of fine-tuning.")] = 1e-3,
    begin_with: Annotated[Path | None, typer.Option(help="Run to go on from instead of the head.")] = None,
    start: Annotated[str, typer.Option(help="First trunk layer that is fine-tuned, or all.")] = "all",
    batch_size: Annotated[int, typer.Option(help="Pictures a step.")] = 64,
    mixup: Annotated[float, typer.Option(help="Share of pictures mixed with another one.")] = 0.5,
    average_decay: Annotated[float, typer.Option(help="Decay of the averaged weights per step.")] = 0.9995,
    class_weight_power: Annotated[float, typer.Option(help="0 counts pictures, 1 classes alike.")] = 0.0,
    logit_adjustment: Annotated[float, typer.Option(help="Strength of logit adjustment.")] = 0.0,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without gain; 0: never.")] = 0,
    teacher: Annotated[list[Path] | None, typer.Option(help="Run to distil from; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Makes a run repeatable.")] = 1,
    time_budget: Annotated[str | None, typer.Option(help="Fit the stages to this time: 50m, 2h.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in --out.")] = False,
    threads: Threads = None,
) -> None:
    """Train a classifier: the head first, then the whole network, at growing input sizes."""
    from training.augment import Augmentation
    from training.plots import draw_run
    from training.prepare import prepare, write_report
    from training.recipe import Recipe, standard_stages
    from training.setting import Setting
    from training.teacher import load_teacher
    from training.threads import use_threads
    from training.train import Trainer

    use_threads(threads)
    budget = parse_seconds(time_budget) if time_budget else None
    stages = standard_stages(*epochs, sizes, start, head=0 if begin_with else 1, peak=peak)
    recipe = Recipe(stages, batch_size, average_decay=average_decay, patience=patience)
    recipe = replaced(recipe, class_weight_power=class_weight_power, logit_adjustment=logit_adjustment)
    prepared = prepare(data, recipe.native_size, exclude, seed)
    write_report(prepared, out)
    console.print("\n".join(prepared.report.lines()))
    taught = load_teacher(teacher, prepared.train.classes) if teacher else None
    how, faces = Augmentation(mixup_share=mixup), (prepared.train, prepared.validation)
    setting = Setting(*faces, recipe, out, backbone, weights, seed, begin_with, how, taught, budget)
    best = Trainer(setting, console).run(resume=resume)
    draw_run(out)
    console.print(f"best: validation accuracy {best.accuracy:.4f}, macro-F1 {best.macro_f1:.4f}, in {out}")


@app.command()
def evaluate(
    data: Labelled,
    model: ModelFolder = DEFAULT_ARTEFACT,
    file: Annotated[list[str] | None, typer.Option(help="Only this file of it; repeatable.")] = None,
    detect: Annotated[bool, typer.Option(help="Find and cut the face first, as for live frames.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write a report with pictures into this folder.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Write a row per picture to this CSV.")] = None,
    threads: Threads = None,
) -> None:
    """Measure a model: accuracy, macro-F1, calibration, by class, all its files side by side."""
    from training import evaluate as evaluation
    from training.reporting import figures_table, write_json, write_predictions, write_report
    from training.threads import use_threads

    use_threads(threads)
    found = evaluation.evaluate(load_artefact(model), data, file or (), detect=detect)
    console.print(figures_table(found))
    if found.missed:
        console.print(f"no face was found in {len(found.missed)} pictures; they count as wrong")
    if out:
        write_report(found, out, f"{model.name} on {data.name}")
    if json:
        write_json(found, json)
    if predictions:
        write_predictions(found, predictions)


@app.command()
def export(
    run: Annotated[Path, typer.Option(help="Folder of a training run (its --out).")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    exclude: Exclude = None,
    source: Annotated[
        str, typer.Option(help="What the pictures are and whose, for the card; fer2013 stands for FER2013.")
    ] = "",
    licence: Annotated[str, typer.Option(help="Terms of the weights, for MODEL_LICENSE.")] = "",
    provisional: Annotated[str, typer.Option(help="Mark as provisional, and say why.")] = "",
    note: Annotated[str, typer.Option(help="A remark for the card.")] = "",
    threads: Threads = None,
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


@app.command()
def describe(
    backbone: Annotated[str, typer.Argument(help="Network family: mobilenetv2, resnet50, …")] = "mobilenetv2",
    size: Annotated[int, typer.Option(help="Input side in pixels.")] = 224,
    classes: Annotated[int, typer.Option(help="Outputs of the last layer.")] = 7,
) -> None:
    """Show a network's architecture: blocks, every convolution, parameters, multiply-adds."""
    from training.backbones import find_backbone
    from training.describe import block_table, convolution_table
    from training.describe import describe as look

    found = look(find_backbone(backbone), size, classes)
    console.print(f"{found.name} at {size} pixels, {classes} classes")
    console.print(block_table(found))
    console.print(convolution_table(found))
    convolutions = len(found.convolutions)
    console.print(
        f"{convolutions} convolutions (the dense layer counted as one), {found.parameters:,} parameters,"
    )
    console.print(f"{found.work / 1e6:,.1f} million multiply-adds for one picture")


@app.command()
def compare(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the runs, the table's picture among them.")],
    backbone: Annotated[list[str] | None, typer.Option(help="Network family; repeatable; else all.")] = None,
    weights: Annotated[str, typer.Option(help="imagenet or none.")] = "imagenet",
    exclude: Exclude = None,
    epochs: Annotated[int, typer.Option(help="Epochs of fine-tuning each.")] = 5,
    size: Annotated[int, typer.Option(help="Input side in pixels.")] = 96,
    batch_size: Annotated[int, typer.Option(help="Pictures a step.")] = 64,
    time_budget: Annotated[str | None, typer.Option(help="Time for each, instead of epochs: 20m.")] = None,
    seed: Annotated[int, typer.Option(help="Makes a run repeatable.")] = 1,
    threads: Threads = None,
) -> None:
    """Train several backbones on the same budget and show what they reach and cost (also: train compare)."""
    from training.backbones import BACKBONES
    from training.contest import contest, contest_table, draw_contest
    from training.prepare import prepare
    from training.recipe import Recipe, standard_stages
    from training.setting import Setting
    from training.threads import use_threads

    use_threads(threads)
    recipe = Recipe(standard_stages(epochs, 0, 0, sizes=(size, size)), batch_size=batch_size)
    prepared = prepare(data, recipe.native_size, exclude, seed)
    budget = parse_seconds(time_budget) if time_budget else None
    setting = Setting(prepared.train, prepared.validation, recipe, out, seed=seed, budget_seconds=budget)
    entries = contest(setting, backbone or list(BACKBONES), weights, console)
    draw_contest(entries, out / "compare.png")
    console.print(contest_table(entries))


@app.command()
def soup(
    run: Annotated[list[Path], typer.Option(help="Training run (its --out); give two or more.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the averaged weights; export takes it as a run.")],
    exclude: Exclude = None,
    threads: Threads = None,
) -> None:
    """Average the weights of runs that began with the same ones into one network."""
    from training.outcome import keep
    from training.prepare import prepare
    from training.soup import load_members, soup_table
    from training.soup import soup as mix
    from training.threads import use_threads

    if len(run) < 2:
        raise DataError("give --run two or more times: the runs whose weights are averaged")
    use_threads(threads)
    members = load_members(run)
    first = members[0].about
    prepared = prepare(data, first.native_size, exclude, first.seed)
    mixed = mix(members, prepared.train, prepared.validation)
    out.mkdir(parents=True, exist_ok=True)
    keep(out, mixed)
    console.print(soup_table(run, members, mixed))
    console.print(f"written: {out}")


@app.command()
def robustness(
    data: Labelled,
    model: ModelFolder = DEFAULT_ARTEFACT,
    file: Annotated[str, typer.Option(help="Which file of the model.")] = "model_int8.tflite",
    without_faces: Annotated[
        list[Path] | None, typer.Option(help="Folder of photographs that show no face; repeatable.")
    ] = None,
) -> None:
    """Measure what turned, shifted, dark, compressed and blurred pictures cost a model."""
    from training.robustness import robustness as measure
    from training.robustness import robustness_table

    console.print(robustness_table(measure(load_artefact(model), data, file, without_faces or ())))


@app.command()
def framing(
    data: Data,
    run: Annotated[list[Path] | None, typer.Option(help="Training run (its --out); repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table to this Markdown file.")] = None,
    write: Annotated[Path | None, typer.Option(help="Instead, write a framed data set there.")] = None,
    how: Annotated[str, typer.Option(help="With --write: none, box, eyes, or 'eyes and mouth'.")] = "box",
    threads: Threads = None,
) -> None:
    """Measure how faces should be framed: none, box, eyes, eyes and mouth, at three scales, paired."""
    from training.data import load_split, read_classes
    from training.framing import FRAMINGS, markdown, try_framings, write_framed
    from training.recipe import Recipe
    from training.threads import use_threads

    use_threads(threads)
    if how not in FRAMINGS:
        raise DataError(f"--how {how}: choose one of {', '.join(FRAMINGS)}")
    if not (write or run):
        raise DataError("give --run, the --out folder of a training run, or --write FOLDER")
    classes, native = read_classes(data / "train"), Recipe(()).native_size
    validation, _ = load_split(data / "validation", classes, native)
    if write:
        train, _ = load_split(data / "train", classes, native)
        missing = write_framed(train, how, write) + write_framed(validation, how, write)
        console.print(f"written: {write}; {missing} pictures without a face stayed as they are")
        return
    table = markdown(try_framings(run or (), validation))
    console.print(table, markup=False)
    if out:
        out.write_text(table, encoding="utf-8")


@app.command()
def benchmark(model: ModelFolder = DEFAULT_ARTEFACT) -> None:
    """Time a model's LiteRT files on this machine, on one thread."""
    from training.benchmark import benchmark as measure
    from training.benchmark import timing_table

    console.print(timing_table(measure(load_artefact(model))))


def _quieten_tensorflow() -> None:
    """Hide what TensorFlow's libraries print, unless the user asks; the commands load them after this."""
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        process.silence_native_errors()  # some lines come before that level is read


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    _quieten_tensorflow()
    arguments = sys.argv[1:]
    if arguments[:2] == ["train", "compare"]:
        arguments = arguments[1:]
    try:
        app(arguments)
    except MienError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", highlight=False, markup=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
