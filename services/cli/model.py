"""`mien model`: which model the classifiers run, and which they could."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.connection import (
    ConfigOption,
    JsonOption,
    RedisOption,
    RunDirOption,
    connect,
    console,
    load,
    record,
)
from shared.errors import StackError
from shared.paths import expanded

if TYPE_CHECKING:
    from shared.artefact import Artefact

CARD: Final = "card.json"
DEFAULT: Final = "default"

app = typer.Typer(no_args_is_help=True, help="List models, look into one, and put one to use.")


@app.command("list")
def show(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Look here too, such as in the runs of training.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the models that ship with Mien, the configured one, and those below a folder."""
    from rich.table import Table
    from rich.text import Text

    from shared.artefact import DEFAULT_ARTEFACT, find_artefacts

    chosen = load(config, None, None).classifier.model or DEFAULT_ARTEFACT
    configured = expanded(chosen).absolute()
    places = [configured, *find_artefacts(DEFAULT_ARTEFACT.parent)]
    places += find_artefacts(folder) if folder else []
    found = list(dict.fromkeys(path.absolute() for path in places))
    if as_json:
        print(json.dumps([{"path": str(path), "configured": path == configured} for path in found]))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "configured", "state", "path"):
        table.add_column(heading)
    for path in found:
        mark = "yes" if path == configured else ""
        table.add_row(path.name, mark, Text(_state(path)), Text(str(path), overflow="fold"))
    console().print(table)


@app.command("info")
def info(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Model folder; else the configured one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as it is.")] = False,
    config: ConfigOption = None,
) -> None:
    """Check a model folder against its card, and say what it is."""
    from shared.artefact import DEFAULT_ARTEFACT, load_artefact

    folder = expanded(path or load(config, None, None).classifier.model or DEFAULT_ARTEFACT)
    artefact = load_artefact(folder)
    if as_json:
        print((folder / CARD).read_text())
    else:
        _print(folder, artefact)


@app.command("use")
def use(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="Model folder, or `default` for the configured one.")
    ],
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Have all running classifiers change to a model; none of them stops, no frame is lost.

    \b
    Examples:
      mien model use models/mine
      mien model use default
    """
    from shared.artefact import load_artefact

    store = connect(config, redis, run_dir)
    if path == DEFAULT:
        store.set_wanted(model=None)
        record(store, "settings.change", "model", "as configured")
        print("Wanted now: the configured model")
        return
    folder = expanded(path).absolute()
    load_artefact(folder)
    if not any(sign.service == "classifier" for sign in store.health()):
        raise StackError("no classifier runs: start one with `mien up` or `mien scale classifier=1`")
    store.set_wanted(model=str(folder))
    record(store, "settings.change", "model", str(folder))
    print(f"Wanted now: {folder}; see who runs it with: mien status --json")


def _state(path: Path) -> str:
    from shared.artefact import load_artefact
    from shared.errors import ArtefactError

    try:
        artefact = load_artefact(path)
    except ArtefactError as error:
        return str(error)
    return f"good: {', '.join(artefact.card.files)}"


def _print(folder: Path, artefact: "Artefact") -> None:
    from rich.table import Table
    from rich.text import Text

    card = artefact.card
    print(f"{card.name} in {folder}{', provisional' if card.provisional else ''}")
    if card.note:
        print(card.note)
    print(f"labels: {', '.join(card.labels)}")
    print(f"crops: {card.crop}, {card.native_size} px enlarged to {card.input_size} px")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("file", "SHA-256", "temperature", "uncertain below"):
        table.add_column(heading)
    for name, file in card.files.items():
        table.add_row(
            name, Text(file.sha256[:12]), f"{file.temperature:.3f}", f"{file.uncertain_threshold:.2f}"
        )
    console().print(table)
