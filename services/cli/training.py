"""`mien train`, `evaluate`, `export` and the like: handed on to the training package as they are."""

import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Final

import typer

from shared.errors import StackError

COMMANDS: Final = {
    "train": "Train a model by transfer learning (needs the `train` extra).",
    "evaluate": "Measure a model on a data set (needs the `train` extra).",
    "export": "Export a trained model as an artefact for the services (needs the `train` extra).",
    "describe": "Show a backbone's architecture, layer by layer (needs the `train` extra).",
    "soup": "Average the weights of several runs into one network (needs the `train` extra).",
    "framing": "Measure how faces should be framed for a model (needs the `train` extra).",
    "robustness": "Measure a model on turned, shifted, dark and blurred pictures (needs the `train` extra).",
    "benchmark": "Time an artefact's files on this machine (needs the `train` extra).",
}
_PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the training commands."""
    for name, text in COMMANDS.items():
        app.command(name, help=text, context_settings=_PASS_ON, add_help_option=False)(_hand_on(name))


def _hand_on(name: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:
        if importlib.util.find_spec("tensorflow") is None:
            raise StackError(f"`mien {name}` needs TensorFlow: pip install 'mien[train]'")
        os.execv(sys.executable, [sys.executable, "-m", "training", name, *context.args])

    return command
