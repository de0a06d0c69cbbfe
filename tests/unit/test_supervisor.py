"""The supervisor's wait for Redis, with a server that still reads its data."""

import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.supervisor import supervisor as module
from services.supervisor.embedded_redis import SOCKET
from services.supervisor.processes import Command
from services.supervisor.supervisor import Supervisor
from shared.config import RedisSettings, Settings
from shared.errors import StackError, StoreLoadingError

ALWAYS = 1_000_000


class Redis(socketserver.ThreadingUnixStreamServer):
    """Answers the first `loading` pings like a server that reads its append-only file."""

    daemon_threads = True
    loading = 0


class Handler(socketserver.StreamRequestHandler):
    """Knows as much of the protocol as a ping takes."""

    server: Redis

    def handle(self) -> None:
        for line in self.rfile:
            if line.strip() == b"CLIENT":
                self.wfile.write(b"+OK\r\n")
            elif line.strip() == b"PING":
                self.server.loading -= 1
                loads = self.server.loading >= 0
                self.wfile.write(
                    b"-LOADING Redis is loading the dataset in memory\r\n" if loads else b"+PONG\r\n"
                )


class OneProcess:
    """The embedded server's process, which ends after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def start(self, instance: str, command: Command) -> None:
        """There is nothing to start."""

    def reap(self) -> list[Any]:
        return []

    def is_running(self, instance: str) -> bool:
        self._looks -= 1
        return self._looks >= 0

    def tail(self, instance: str, lines: int) -> list[str]:
        return ["Bad file format reading the append only file"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mien-") as name:
        yield Path(name)


@contextmanager
def supervised(
    folder: Path, loading: int, embedded: bool = True, looks: int = ALWAYS
) -> Iterator[tuple[Supervisor, list[str]]]:
    """Give a supervisor whose Redis answers LOADING so many times, and what it notes on the screen."""
    notes: list[str] = []
    parts: dict[str, Any] = {
        "launcher": SimpleNamespace(embeds_redis=embedded, command=lambda service, instance: Command([])),
        "processes": OneProcess(looks),
        "signals": SimpleNamespace(count=0),
        "screen": SimpleNamespace(note=notes.append),
    }
    settings = Settings(run_dir=folder, redis=RedisSettings(url=f"unix://{folder / SOCKET}"))
    with Redis(str(folder / SOCKET), Handler) as server:
        server.loading = loading
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield Supervisor(settings, False, **parts), notes
        finally:
            server.shutdown()


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_SECONDS", "READY_SECONDS"):
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(module, "TICK_SECONDS", 0.02)


def test_the_embedded_server_may_read_its_data_as_long_as_it_takes(folder: Path) -> None:
    with supervised(folder, loading=40) as (supervisor, notes):
        assert supervisor._start_redis()
    assert [note.partition(" is ")[2] for note in notes] == ["still reading its data; wait until it has"]


def test_an_embedded_server_that_dies_over_its_data_is_not_waited_for(folder: Path) -> None:
    with supervised(folder, loading=ALWAYS, looks=9) as (supervisor, _), pytest.raises(StackError) as caught:
        supervisor._start_redis()
    assert "Bad file format" in str(caught.value)


def test_ones_own_redis_that_reads_its_data_is_called_that(folder: Path) -> None:
    with (
        supervised(folder, loading=ALWAYS, embedded=False) as (supervisor, _),
        pytest.raises(StoreLoadingError, match="still reading its data"),
    ):
        supervisor._start_redis()
