"""How commands find the running stack: the options that say where it is, and the store behind them."""

import getpass
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from shared.config import Settings
    from shared.store import Store

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Settings file (else MIEN_CONFIG).", show_default=False
    ),
]
RedisOption = Annotated[
    str | None,
    typer.Option(
        "--redis", metavar="URL", help="Redis of the stack (else that of `mien up`).", show_default=False
    ),
]
RunDirOption = Annotated[
    Path | None,
    typer.Option("--run-dir", metavar="DIR", help="Run directory of `mien up`.", show_default=False),
]
WIDE: Final = 160
"""Columns of a table that goes to a file or pipe."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def console() -> "Console":
    """Return where tables go: as wide as the terminal, and wide enough where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE)


def load(config: Path | None, redis: str | None, run_dir: Path | None) -> "Settings":
    """Return the settings with the flags laid over them.

    Raises:
        ConfigError: something in them is wrong.
    """
    from shared.config import load_settings

    flags: dict[str, Any] = {}
    if redis is not None:
        flags["redis"] = {"url": redis}
    if run_dir is not None:
        flags["run_dir"] = run_dir
    return load_settings(config, **flags)


def connect(config: Path | None, redis: str | None, run_dir: Path | None) -> "Store":
    """Return the store of the stack that the options name, else of the one that runs on this machine.

    Raises:
        StackError: no stack runs here and no Redis is named.
        StoreError: its Redis does not answer.
    """
    return connect_to(load(config, redis, run_dir))


def connect_to(settings: "Settings") -> "Store":
    """Return the store of the stack that the settings name, else of the one that runs on this machine.

    Raises:
        StackError: no stack runs here and no Redis is named.
        StoreError: its Redis does not answer.
    """
    from shared.stack import find_redis
    from shared.store import Store

    url = find_redis(settings.redis.url, settings.run_dir)
    store = Store(settings.redis.model_copy(update={"url": url}), settings.run_dir)
    store.ping()
    return store


def record(store: "Store", action: str, subject: str, detail: str = "") -> None:
    """Write into the audit log what was changed from the command line, and by whom.

    Args:
        store: of the stack.
        action: such as `camera.add`.
        subject: such as the camera's name.
        detail: for a person; URLs in it are written without user and password.
    """
    from shared.config import redact
    from shared.records import Change

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"user {os.getuid()}"
    who = f"{user} at {socket.gethostname()}, command line"
    store.record_change(Change(who=who, action=action, subject=subject, detail=redact(detail)))
