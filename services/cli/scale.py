"""`mien scale`: how many workers a running `mien up` keeps."""

from typing import Annotated, Final

import typer

from services.cli.connection import ConfigOption, RedisOption, RunDirOption, connect, record
from shared.errors import ConfigError

MOST: Final = {"detector": 64, "classifier": 64, "recorder": 16}


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
    wanted = dict(map(parse_count, counts))
    store = connect(config, redis, run_dir)
    store.set_wanted(**wanted)
    record(store, "settings.change", ", ".join(wanted), ", ".join(counts))
    print("Wanted now: " + ", ".join(f"{count} {name}" for name, count in wanted.items()))


def parse_count(text: str) -> tuple[str, int]:
    """Return field of the wanted state and count of `SERVICE=N`.

    Raises:
        ConfigError: unknown service, or no count in range.
    """
    service, separator, count = text.partition("=")
    service = service.removesuffix("s")
    if not separator or service not in MOST:
        raise ConfigError(f"{text}: expected one of {', '.join(f'{name}=N' for name in MOST)}")
    if not count.isdecimal() or int(count) > MOST[service]:
        raise ConfigError(f"{text}: expected a number from 0 to {MOST[service]}")
    return f"{service}s", int(count)
