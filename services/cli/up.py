"""`mien up`: the whole stack on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.connection import ConfigOption
from shared.errors import ConfigError


def up(
    camera: Annotated[
        list[str] | None,
        typer.Option("--camera", metavar="NAME=SOURCE", help="A camera to read; may be given several times."),
    ] = None,
    config: ConfigOption = None,
    classifiers: Annotated[int | None, typer.Option(min=0, metavar="N", help="Classifier processes.")] = None,
    detectors: Annotated[int | None, typer.Option(min=0, metavar="N", help="Detector processes.")] = None,
    recorders: Annotated[int | None, typer.Option(min=0, metavar="N", help="Recorder processes.")] = None,
    detection_width: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Width at which faces are looked for.")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(metavar="auto|none|0,1", help="GPUs that classifiers may take.")
    ] = None,
    redis: Annotated[
        str | None, typer.Option(metavar="URL", help="Your own Redis, instead of the embedded server.")
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="Of the dashboard; 0: a free one.")] = None,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For sockets and logs; each stack needs its own.")
    ] = None,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Keep nothing: results are gone when it stops.")
    ] = False,
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="Read no demo cameras when there are no others.")
    ] = False,
) -> None:
    """Run cameras, workers, dashboard and an embedded Redis on this machine; Ctrl-C stops them all.

    Without a camera it reads two demo cameras, if their media are installed.

    \b
    Examples:
      mien up --camera door=rtsp://user:password@10.0.0.5/stream --classifiers 3
      mien up --camera desk=0 --camera hall=/data/hall.mp4
      mien up --config mien.yaml --redis redis://localhost:6379
    """
    from services.supervisor.up import Options, run_stack
    from shared.config import load_settings

    flags = _without_none(
        {
            "run_dir": run_dir,
            "redis": {"url": redis},
            "detector": {"width": detection_width},
            "scale": {
                "classifiers": classifiers,
                "detectors": detectors,
                "recorders": recorders,
                "gpus": gpus,
            },
            "dashboard": {"port": port},
        }
    )
    cameras = {name: {"source": source} for name, source in map(parse_camera, camera or [])}
    settings = load_settings(config, **flags, **({"cameras": cameras} if cameras else {}))
    run_stack(settings, Options(flags, use_demo=not no_demo, ephemeral=ephemeral))


def parse_camera(text: str) -> tuple[str, str]:
    """Return name and source of `NAME=SOURCE`.

    Raises:
        ConfigError: it is not of this form.
    """
    name, separator, source = text.partition("=")
    if not separator or not name or not source:
        raise ConfigError(
            f"--camera {text}: expected NAME=SOURCE, such as desk=0 or hall=rtsp://10.0.0.5/stream"
        )
    return name, local_path(source)


def local_path(source: str) -> str:
    """Return the source; a file or folder of this machine as an absolute path, so every process finds it.

    Raises:
        ConfigError: a path that can't be looked up.
    """
    if source.isdecimal() or "://" in source:
        return source
    try:
        path = Path(source).expanduser()
        return str(path.absolute()) if path.exists() else source
    except RuntimeError:
        raise ConfigError(f"camera source {source}: there is no such user") from None
    except OSError as error:
        raise ConfigError(f"camera source {source}: {error.strerror}") from None


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that were given, branch by branch."""
    kept = {key: _without_none(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {key: value for key, value in kept.items() if value is not None and value != {}}
