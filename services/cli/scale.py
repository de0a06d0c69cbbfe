"""`mien scale`: how many workers a running `mien up` keeps."""

from typing import Annotated

import typer

from services.cli.connection import ConfigOption, RedisOption, RunDirOption, connect_to, load, record
from shared.errors import ConfigError, StackError


def scale(
    counts: Annotated[
        list[str], typer.Argument(metavar="SERVICE=N...", help="Such as classifier=3 detector=2.")
    ],
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Change the number of detectors, classifiers or recorders of a running `mien up`; no frame is lost.

    \b
    Example:
      mien scale classifier=3 detector=2
    """
    from shared.stack import is_supervised

    wanted = dict(map(parse_count, counts))
    settings = load(config, redis, run_dir)
    store = connect_to(settings)
    if not is_supervised(settings.run_dir):
        flags = " ".join(f"--scale {name.removesuffix('s')}={count}" for name, count in wanted.items())
        raise StackError(
            f"no `mien up` runs in {settings.run_dir}, so nobody would change anything: name its --run-dir, "
            f"or change the number where the stack was started (containers: docker compose up -d {flags})"
        )
    store.set_wanted(**wanted)
    record(store, "settings.change", ", ".join(wanted), ", ".join(counts))
    print("Wanted now: " + ", ".join(f"{count} {name}" for name, count in wanted.items()))


def parse_count(text: str) -> tuple[str, int]:
    """Return field of the wanted state and count of `SERVICE=N`.

    Raises:
        ConfigError: unknown service, or no count in range.
    """
    from shared.topology import MAX_WORKERS

    service, separator, count = text.partition("=")
    service = service.removesuffix("s")
    if not separator or service not in MAX_WORKERS:
        raise ConfigError(f"{text}: expected one of {', '.join(f'{name}=N' for name in MAX_WORKERS)}")
    if not count.isdecimal() or int(count) > MAX_WORKERS[service]:
        raise ConfigError(f"{text}: expected a number from 0 to {MAX_WORKERS[service]}")
    return f"{service}s", int(count)
