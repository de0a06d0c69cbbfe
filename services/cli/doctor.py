"""`mien doctor`: what this machine has, and what to do about what is missing."""

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.connection import ConfigOption, JsonOption, RedisOption, RunDirOption, console, load

if TYPE_CHECKING:
    from services.cli.checks import Finding

_MARKS: Final = {"ok": "[green]ok[/]", "advice": "[yellow]advice[/]", "missing": "[red]missing[/]"}


def doctor(
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only what is to be done.")] = False,
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Check cores, GPUs, cameras, Redis, model and detector; say what to do about what is missing.

    Exit code 1 if something needed is missing, 0 otherwise (advice does not count).
    """
    from shared import process

    process.prepare(threads=1)
    process.silence_native_errors()
    from services.cli.checks import State, examine

    findings = examine(load(config, redis, run_dir))
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        _print([finding for finding in findings if not quiet or finding.state != State.OK])
    if any(finding.state == State.MISSING for finding in findings):
        raise typer.Exit(1)


def _print(findings: "list[Finding]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("what", "", "found", "what to do"):
        table.add_column(heading)
    for finding in findings:
        table.add_row(finding.what, _MARKS[finding.state], Text(finding.found), Text(finding.remedy))
    console().print(table)
