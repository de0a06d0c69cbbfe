"""The `mien` command: each subcommand in a module of its own, heavy imports inside them."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from services.cli import (
    analyze,
    bench,
    camera,
    configuration,
    doctor,
    fetch,
    keys,
    model,
    plan,
    results,
    scale,
    status,
    training,
    up,
)
from shared.errors import MienError

app = typer.Typer(
    name="mien",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Read the emotions on faces in live video, over many cameras.",
)
app.command("up")(up.up)
app.command("status")(status.status)
app.add_typer(camera.app, name="camera")
app.command("scale")(scale.scale)
app.command("results")(results.results)
app.command("analyze")(analyze.analyze)
app.add_typer(model.app, name="model")
app.command("bench")(bench.bench)
app.command("plan")(plan.plan)
app.command("fetch")(fetch.fetch)
app.command("doctor")(doctor.doctor)
app.add_typer(configuration.app, name="config")
app.command("keys")(keys.keys)
training.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"mien {version('mien')}")
        except PackageNotFoundError:
            print("mien (not installed: run from its source)")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """Options that stand before the subcommand."""


def main() -> None:
    """Run the command line; a MienError becomes one line on standard error and its exit code."""
    try:
        app(prog_name="mien")
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
