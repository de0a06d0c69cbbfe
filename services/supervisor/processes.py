"""The processes themselves: started so that they end with us, their output in bounded log files."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from shared.process import die_with_parent

LOG_BYTES: Final = 4 * 1024 * 1024
"""Of one log file, before its content moves to `NAME.log.1`."""
TAIL_BYTES: Final = 16 * 1024


class Command(NamedTuple):
    """How to start a process.

    Attributes:
        arguments: program and its arguments.
        environment: variables on top of our own.
        stdin: what it reads from standard input.
        keep_open: file descriptors that it inherits.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = {}
    stdin: str = ""
    keep_open: Sequence[int] = ()


class Ended(NamedTuple):
    """A process that ended; `code` is negative for a signal, as in subprocess."""

    instance: str
    code: int

    @property
    def how(self) -> str:
        """In words."""
        return (
            f"was ended by {signal.Signals(-self.code).name}"
            if self.code < 0
            else f"ended with code {self.code}"
        )


def service_command(service: str, instance: str, environment: Mapping[str, str]) -> Command:
    """Return how to start one of Mien's services."""
    return Command([sys.executable, "-m", f"services.{service}", "--instance", instance], environment)


class Processes:
    """The running processes by instance name.

    Args:
        logs: folder of the log files.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._began: dict[str, int] = {}

    def start(self, instance: str, command: Command) -> int:
        """Start a process in a session of its own, so that Ctrl-C reaches only us; return its pid.

        Call it from the main thread only: the kernel ends the process when the thread that started it ends.
        """
        with open(self.log(instance), "ab") as log:
            self._began[instance] = log.tell()
            process = subprocess.Popen(
                command.arguments,
                env={**os.environ, **command.environment},
                stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                pass_fds=command.keep_open,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._running[instance] = process
        if process.stdin:
            process.stdin.write(command.stdin)
            process.stdin.close()
        return process.pid

    def pid(self, instance: str) -> int | None:
        """Return the pid of a running instance."""
        process = self._running.get(instance)
        return process.pid if process else None

    def is_running(self, instance: str) -> bool:
        """Tell whether an instance runs; it stays to be reaped."""
        process = self._running.get(instance)
        return process is not None and process.poll() is None

    def terminate(self, instance: str) -> None:
        """Ask a process to end."""
        self._running[instance].terminate()

    def kill(self, instance: str) -> None:
        """End a process and all that it started."""
        with suppress(ProcessLookupError):  # it ended by itself; reap() will see it
            os.killpg(self._running[instance].pid, signal.SIGKILL)

    def reap(self) -> list[Ended]:
        """Return the processes that have ended since the last call."""
        ended = [
            Ended(instance, process.returncode)
            for instance, process in self._running.items()
            if process.poll() is not None
        ]
        for instance, _ in ended:
            del self._running[instance]
        return ended

    def log(self, instance: str) -> Path:
        """Return the log file of an instance."""
        return self._logs / f"{instance}.log"

    def tail(self, instance: str, lines: int) -> list[str]:
        """Return the last lines that an instance has logged since it was last started."""
        try:
            with open(self.log(instance), "rb") as log:
                log.seek(max(self._began.get(instance, 0), log.seek(0, os.SEEK_END) - TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except OSError:
            return []
        return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]

    def bound_logs(self) -> None:
        """Move the content of logs that have grown too large aside, once; what was aside before goes.

        On a full disk the content goes, too.
        """
        for log in self._logs.glob("*.log"):
            with suppress(OSError):  # a disk that fails is no reason to end what runs
                if log.stat().st_size > LOG_BYTES:
                    _copy_aside(log)
                    os.truncate(log, 0)
                    self._began[log.stem] = 0


def _copy_aside(log: Path) -> None:
    """Copy a log to `NAME.log.1`; where that can't be written, leave none."""
    aside = log.with_suffix(".log.1")
    try:
        aside.write_bytes(log.read_bytes())
    except OSError:  # half a copy takes room that the log itself needs
        aside.unlink(missing_ok=True)
