"""Fixtures of tests with real processes: one Redis-compatible server a session, emptied for each test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from shared.config import RedisSettings
from shared.store import Store
from tests.valkey import start_valkey


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """URL of a server that runs as long as the session."""
    with tempfile.TemporaryDirectory(prefix="mien-test-") as folder, start_valkey(Path(folder)) as url:
        yield url


@pytest.fixture
def store(valkey_url: str) -> Iterator[Store]:
    """A store on an empty server."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    store = Store(RedisSettings(url=valkey_url), Path("/nonexistent"))
    yield store
    store.close()
