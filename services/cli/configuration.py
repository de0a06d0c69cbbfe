"""`mien config`: check a settings file before it is used."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Work with settings files.")


@app.callback()
def _group() -> None:
    """Keeps `check` a subcommand while it is the only one."""


@app.command("check")
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="The settings file.")]) -> None:
    """Check a settings file: exit code 0 if `mien up --config FILE` would take it, else 2 and what is wrong.

    Files with secrets that it names, and GPUs, are looked for on this machine.

    \b
    Example:
      mien config check mien.yaml
    """
    from services.supervisor.launch import check_gpus
    from shared.config import load_settings
    from shared.gpus import list_gpus
    from shared.tokens import check_exposure, read_tokens

    settings = load_settings(file)
    check_gpus(settings.scale.gpus, list_gpus())
    check_exposure(settings.dashboard, read_tokens(settings.dashboard))
    settings.redis.read_password()
    cameras = settings.cameras
    print(f"{file} is valid: {len(cameras)} camera(s){': ' if cameras else ''}{', '.join(cameras)}")
