"""Processes of a stack without its supervisor, so that a test may choose each of them."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def kept_alive(module: str, environment: Mapping[str, str]) -> Iterator[list[int]]:
    """Run a process and start it again whenever it ends, as a supervisor does; gives the exit codes."""
    codes: list[int] = []
    over = threading.Event()
    command = [sys.executable, "-m", module, "--instance", module.split(".")[-1]]
    current: list[subprocess.Popen[bytes]] = [subprocess.Popen(command, env=environment)]

    def look_after() -> None:
        while not over.is_set():
            code = current[0].wait()
            if not over.is_set():
                codes.append(code)
                current[0] = subprocess.Popen(command, env=environment)

    thread = threading.Thread(target=look_after)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        current[0].terminate()
        thread.join(10)
