"""`mien plan`: what a load needs, from measured coefficients, and a simulation of what it would do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.bench import parse_size
from services.cli.connection import ConfigOption, JsonOption, console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from services.planner.coefficients import Coefficients
    from services.planner.plan import Plan
    from services.planner.prediction import Prediction
    from services.planner.shard import Shard


def _of_shard(what: str, most: float) -> Any:
    return typer.Option(min=1, max=most, help=f"{what} of each simulated shard; else as planned.")


def plan(
    cameras: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 4,
    fps: Annotated[float, typer.Option(min=0.1, max=240, help="Frames a second of each.")] = 15.0,
    faces: Annotated[float, typer.Option(min=0, max=64, help="Faces on a frame, on average.")] = 1.0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the frames, in pixels.")] = "640x480",
    gpu: Annotated[bool, typer.Option("--gpu", help="Classifiers run on GPUs, one each.")] = False,
    gpu_faces: Annotated[
        float | None,
        typer.Option(min=1, help="Faces a second that one GPU classifies, where none was measured."),
    ] = None,
    machine_cores: Annotated[int, typer.Option(min=1, max=1024, help="Cores of one machine.")] = 16,
    coefficients: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Coefficients other than those `mien bench --calibrate` left."),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Predict throughput, latency and drops, by simulation.")
    ] = False,
    detectors: Annotated[int | None, _of_shard("Detectors", 1000)] = None,
    classifiers: Annotated[int | None, _of_shard("Classifiers", 1000)] = None,
    recorders: Annotated[int | None, _of_shard("Recorders", 100)] = None,
    cores: Annotated[float | None, _of_shard("Cores", 10_000)] = None,
    seconds: Annotated[float, typer.Option(min=2, max=60, help="Simulated at most.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of the simulation's chance; the same gives the same.")] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many shards, workers, cores, GPUs, memory and network a load needs, with each formula.

    The coefficients are those that `mien bench --calibrate` measured on this machine; without them, shipped
    ones of another machine are used, and it says so.

    --simulate lets simulated cameras and workers, with these costs, talk to the broker's real policy: one
    shard of each size, at most 20,000 captured frames of it.

    \b
    Examples:
      mien bench --calibrate
      mien plan --cameras 500 --fps 10 --faces 3
      mien plan --cameras 4 --fps 75 --simulate --detectors 1 --classifiers 1 --cores 2
    """
    from services.planner.coefficients import read_coefficients
    from services.planner.formulas import Load
    from services.planner.plan import make_plan, shards_of
    from shared.config import load_settings

    settings = load_settings(config)
    known, shipped = read_coefficients(coefficients)
    if gpu_faces:
        gpu, known = True, _with_gpu(known, gpu_faces)
    width, height = parse_size(size)
    load = Load(
        cameras=cameras,
        fps=fps,
        faces=faces,
        width=width,
        height=height,
        gpu=gpu,
        machine_cores=machine_cores,
        results_seconds=settings.retention.results,
        minutes_seconds=settings.retention.minutes,
    )
    made = make_plan(load, known)
    prediction = None
    if simulate:
        changes = {"detectors": detectors, "classifiers": classifiers, "recorders": recorders, "cores": cores}
        shards = shards_of(made, known, settings, **changes)
        prediction = _simulate(shards, seconds, seed)
    if as_json:
        figures = {"simulated": prediction.figures()} if prediction else {}
        _print_json({**as_values(made), **figures, "coefficients": _about(known, shipped)})
    else:
        _print_tables(made, prediction, known, shipped)


def _print_tables(
    made: "Plan", prediction: "Prediction | None", known: "Coefficients", shipped: bool
) -> None:
    out = console()
    out.print(_table(made))
    if prediction:
        out.print("", _prediction_table(prediction))
    out.print(_source(known, shipped))


def _simulate(shards: "dict[Shard, int]", seconds: float, seed: int) -> "Prediction":
    from rich.console import Console
    from rich.progress import Progress

    from services.planner.simulate import simulate_shards

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=1.0)
        return simulate_shards(shards, seconds, seed, lambda share: progress.update(task, completed=share))


def _with_gpu(known: "Coefficients", faces_per_second: float) -> "Coefficients":
    """Return the coefficients with the classifier on a GPU of that speed."""
    from msgspec import structs

    cost = structs.replace(known.costs.classifier, frame_ms=0.0, face_ms=1000 / faces_per_second)
    costs = structs.replace(known.costs, classifier=cost)
    return structs.replace(
        known, costs=costs, gpu=f"a GPU said to classify {faces_per_second:g} faces a second"
    )


def as_values(made: "Plan") -> dict[str, Any]:
    """Return a plan as plain values: `load`, `needs` (line → value), `lines`."""
    from dataclasses import asdict

    return {
        "load": asdict(made.load),
        "needs": {line.name: line.value for line in made.lines},
        "lines": [line._asdict() for line in made.lines],
    }


def _about(known: "Coefficients", shipped: bool) -> dict[str, Any]:
    import msgspec

    about: dict[str, Any] = msgspec.to_builtins(known)
    return {**about, "shipped": shipped}


def _print_json(values: dict[str, Any]) -> None:
    import json

    print(json.dumps(values, indent=2))


def _table(made: "Plan") -> "RenderableType":
    from rich.table import Table

    table = Table("", box=None, pad_edge=False, header_style="bold")
    table.add_column("needs", justify="right", style="bold")
    table.add_column("")
    table.add_column("formula")
    table.add_column("with the numbers put in", style="dim")
    for line in made.lines:
        value = (
            f"{line.value:,.0f}"
            if line.value >= 100 or line.value == int(line.value)
            else f"{line.value:.2f}"
        )
        table.add_row(line.name, value, line.unit, line.formula, line.numbers)
    return table


def _prediction_table(prediction: "Prediction") -> "RenderableType":
    from rich.table import Table

    figures = prediction.figures()
    dropped = {fate: count for fate, count in figures["fates"].items() if fate != "recorded"}
    table = Table("", "simulated", box=None, pad_edge=False, header_style="bold")
    table.add_row(
        "frames a second", f"{figures['frames_per_second']} recorded of {figures['offered_per_second']}"
    )
    table.add_row("latency, ms", _pairs(figures["latency_ms"]))
    table.add_row(
        "dropped", _pairs({fate: f"{share:.1%}" for fate, share in _shares(dropped, figures)}) or "none"
    )
    table.add_row("cores in use", _pairs(figures["cores"]))
    low, high = figures["per_camera"]
    table.add_row("frames of a camera", f"{low} to {high} in {figures['seconds']} s")
    return table


def _shares(dropped: dict[str, int], figures: dict[str, Any]) -> list[tuple[str, float]]:
    return [(fate, count / figures["offered"]) for fate, count in dropped.items()]


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _source(known: "Coefficients", shipped: bool) -> "RenderableType":
    from rich.text import Text

    if not shipped:
        return Text(f"\nCoefficients: {known.source}.")
    return Text(
        "\nThese coefficients were NOT measured on this machine; "
        f"they are the shipped ones: {known.source}. "
        "Run `mien bench --calibrate` for its own.",
        "yellow",
    )
