"""The run directory: held by one supervisor, cleaned of what a killed one left, gone when it ends."""

import fcntl
import os
import shutil
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from shared.errors import StackError
from shared.stack import LOCK, RECORD

LOGS: Final = "logs"
DATA: Final = "redis"
GPU_CLAIMS: Final = "gpus"
"""Where classifiers settle among themselves who takes which GPU."""
OWN_MARK: Final = ".made-by-mien"
"""Lies in a run directory that we created, and so may remove as a whole."""
LONGEST_PATH: Final = 85
"""Bytes; socket addresses hold 107, and the names of our sockets come behind it."""


class RunDirectory:
    """Holds the directory while the stack runs; use it in a `with` statement.

    Raises:
        StackError: another stack runs there, or it can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = -1

    @property
    def data(self) -> Path:
        """Where the embedded server keeps what is to go when it stops."""
        return self.path / DATA

    @property
    def logs(self) -> Path:
        """Where the processes' output goes."""
        return self.path / LOGS

    def __enter__(self) -> Self:
        if len(os.fsencode(self.path)) > LONGEST_PATH:
            raise StackError(
                f"run directory {self.path} is too long for socket addresses: choose one with --run-dir"
            )
        try:
            self._acquire()
            self._clean()
            self.logs.mkdir()
        except OSError as error:
            raise StackError(
                f"can't use run directory {self.path} ({error.strerror}): choose another with --run-dir"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clean()
        (self.path / LOCK).unlink(missing_ok=True)
        if (self.path / OWN_MARK).exists():
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def _acquire(self) -> None:
        """Take the lock; again if the one who held it removed the file between our opening and locking it."""
        while True:
            self._create()
            self._lock = os.open(
                self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._refuse()
            if self._is_current():
                break
            os.close(self._lock)
        os.ftruncate(self._lock, 0)
        os.write(self._lock, str(os.getpid()).encode())

    def _create(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True)
            (self.path / OWN_MARK).touch()
        except FileExistsError:
            status = self.path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                raise StackError(
                    f"run directory {self.path} is not a folder of this user: choose another with --run-dir"
                ) from None
            if status.st_mode & 0o077:
                self.path.chmod(0o700)

    def _refuse(self) -> None:
        pid = os.read(self._lock, 20).decode() or "unknown"
        os.close(self._lock)
        raise StackError(
            f"a stack already runs in {self.path} (pid {pid}): stop it, or choose a --run-dir of its own"
        )

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._lock), os.stat(self.path / LOCK))
        except FileNotFoundError:
            return False

    def _clean(self) -> None:
        """Remove what a stack leaves; in a directory of the user's own, nothing else."""
        for path in self.path.glob("*.sock"):
            path.unlink(missing_ok=True)
        for name in (RECORD, f"{RECORD}.draft"):
            (self.path / name).unlink(missing_ok=True)
        for name in (LOGS, DATA, GPU_CLAIMS):
            shutil.rmtree(self.path / name, ignore_errors=True)
