"""`mien keys`: CURVE key pairs for a bus that leaves this machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import ConfigError


def keys(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whose keys: broker, or a client such as capture-2.")
    ],
    folder: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to write them.")] = Path(),
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite keys that are there.")] = False,
) -> None:
    """Make a CURVE key pair: NAME.secret and NAME.public, readable by you alone.

    The broker gets its own secret key and a list of its clients' public keys; a client gets its own
    secret key and the broker's public key (bus.* settings).

    \b
    Example:
      mien keys broker --into keys && mien keys capture-1 --into keys
    """
    from shared.bus import generate_keys

    public, secret = generate_keys()
    paths = {folder / f"{name}.secret": secret, folder / f"{name}.public": public}
    there = [str(path) for path in paths if path.exists()]
    if there and not replace:
        raise ConfigError(f"{' and '.join(there)} would be overwritten: remove, or use --replace")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, key in paths.items():
            _write(path, key)
    except OSError as error:
        raise ConfigError(f"can't write keys into {folder}: {error.strerror}") from None
    print("Wrote " + " and ".join(str(path) for path in paths))
    if name != "broker":
        print(f"Line for the broker's bus.authorized_keys_file:\n{name.rpartition('-')[0] or name} {public}")


def _write(path: Path, key: str) -> None:
    """Write aside with mode 0600, then rename."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    draft.replace(path)
