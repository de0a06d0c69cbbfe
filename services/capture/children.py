"""A camera's child process, as its parent holds it."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from shared.capture_link import Report, ReportReader, Task, child_command, encode_line

_READ_BYTES: Final = 65_536


class Child(Protocol):
    """A running child process."""

    def reports(self) -> list[Report]:
        """Return what it has reported since the last call; never waits."""

    def exit_code(self) -> int | None:
        """Return None while it runs; negative: the signal that ended it."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it, whatever it does."""

    def fileno(self) -> int:
        """Return the pipe to wait on."""

    def close(self) -> None:
        """Let go of an ended process."""


class ChildProcess:
    """Starts and holds one `services.capture.child`."""

    def __init__(self, task: Task, instance: str, config: Path | None) -> None:
        command = child_command(task.camera, instance, config)
        self._reader = ReportReader()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        with suppress(BrokenPipeError), self._process.stdin as stdin:  # where it has ended, its code says so
            stdin.write(encode_line(task))

    def reports(self) -> list[Report]:
        """Return what it has reported since the last call; never waits."""
        try:
            data = os.read(self._pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return []
        return self._reader.feed(data)

    def exit_code(self) -> int | None:
        """Return None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def fileno(self) -> int:
        """Return the pipe to wait on."""
        return self._pipe.fileno()

    def close(self) -> None:
        """Let go of an ended process."""
        self._pipe.close()
