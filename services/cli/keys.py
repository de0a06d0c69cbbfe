"""`mien keys`: CURVE key pairs for a bus that leaves this machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

from shared import topology
from shared.errors import ConfigError


def keys(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whose keys: broker, or a client such as capture-2.")
    ],
    folder: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to write them.")] = Path(),
    role: Annotated[
        str, typer.Option("--role", metavar="ROLES", help="What the key's owner may be; several with commas.")
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite keys that are there.")] = False,
) -> None:
    """Make a CURVE key pair: NAME.secret and NAME.public, mode 0600.

    The broker gets its own secret key (bus.secret_key_file) and a list of its clients' public keys
    (bus.authorized_keys_file), each with its role: capture, detector, classifier, recorder or dashboard,
    or several with commas for a key that all of a host's services use. A client gets its own secret key
    (bus.secret_key_file) and the broker's public key (bus.server_key_file). The broker holds every client
    to its roles. The list's line is printed, ready to paste; without --role the name says the role.

    \b
    Examples:
      mien keys broker --into keys
      mien keys classifier-1 --into keys
      mien keys camera-host --role capture,detector --into keys
    """
    from shared.bus import generate_keys

    roles = role or name.rstrip("0123456789").rstrip("-")
    if name != topology.BROKER.name:
        _check(roles, "--role" if role else "NAME")

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
    if name != topology.BROKER.name:
        print(f"Line for the broker's bus.authorized_keys_file:\n{roles} {public}")


def _check(roles: str, where: str) -> None:
    known = [service for service in topology.SERVICES if service != topology.BROKER.name]
    if unknown := set(roles.split(",")) - set(known):
        raise ConfigError(
            f"{where}: unknown role {min(unknown)!r}; name the role with --role: "
            f"{', '.join(known)}, or several with commas"
        )


def _write(path: Path, key: str) -> None:
    """Write aside with mode 0600, then rename."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    draft.replace(path)
