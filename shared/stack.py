"""The stack that runs on this machine: the lock on its run directory, and the record by which it is found."""

import fcntl
import json
import os
from pathlib import Path
from typing import Final

from msgspec import Struct, convert, to_builtins

from shared.errors import StackError

LOCK: Final = "lock"
RECORD: Final = "stack.json"


class Stack(Struct, frozen=True):
    """What `mien up` tells the other commands.

    Attributes:
        pid: of the supervisor.
        redis: URL of its Redis, without a password.
        dashboard: URL of the page.
        started_ns: wall clock when it started.
    """

    pid: int
    redis: str
    dashboard: str
    started_ns: int


def lock_holder(run_dir: Path) -> int | None:
    """Return the pid of the supervisor that holds the run directory, None if nobody does."""
    try:
        file = os.open(run_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return int(os.read(file, 20) or b"0")
    finally:
        os.close(file)


def is_supervised(run_dir: Path) -> bool:
    """Say whether a `mien up` holds the run directory: who else would start or end processes of its stack?"""
    return lock_holder(run_dir) is not None


def running_stack(run_dir: Path) -> Stack | None:
    """Return the stack that runs in this directory, None if there is none (or it is only just starting)."""
    if not is_supervised(run_dir):
        return None
    try:
        return convert(json.loads((run_dir / RECORD).read_text()), Stack)
    except (OSError, ValueError):
        return None


def write_record(run_dir: Path, stack: Stack) -> None:
    """Let the other commands find the stack."""
    draft = run_dir / f"{RECORD}.draft"
    draft.write_text(json.dumps(to_builtins(stack)))
    draft.replace(run_dir / RECORD)


def find_redis(url: str, run_dir: Path) -> str:
    """Return the URL to use: the given one, or that of the stack that runs in the directory.

    Raises:
        StackError: neither is there.
    """
    if url:
        return url
    stack = running_stack(run_dir)
    if stack is None:
        raise StackError(
            f"no stack runs in {run_dir}: start one with `mien up`, or name its Redis in MIEN_REDIS__URL"
        )
    return stack.redis


def without_password(url: str) -> str:
    """Return the URL with user and password taken out, wherever they stand."""
    scheme, _, rest = url.partition("://")
    authority, slash, tail = rest.partition("/")
    place, _, query = tail.partition("?")
    kept = "&".join(pair for pair in query.split("&") if pair.split("=")[0] not in ("username", "password"))
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{place}{'?' + kept if kept else ''}"
