"""CURVE on the broker's sockets: listed keys get in, others do not, and plain clients do not either."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from services.broker.service import Broker
from shared.broker_bus import BrokerSockets
from shared.bus import Client, generate_keys
from shared.config import BusSettings
from shared.errors import ConfigError
from shared.messages import SCHEMA, Hello
from tests.waiting import wait_for


class Keys:
    """Key files of a broker, an allowed worker and a stranger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("broker", "worker", "stranger"):
            public, secret = generate_keys()
            (folder / f"{name}.public").write_text(public)
            (folder / f"{name}.secret").write_text(secret)
        allowed = (folder / "worker.public").read_text()
        (folder / "authorized").write_text(f"# role and key\ndetector {allowed}\n")

    def broker(self) -> BusSettings:
        return self._settings(
            secret_key_file=self.folder / "broker.secret", authorized_keys_file=self.folder / "authorized"
        )

    def client(self, name: str | None) -> BusSettings:
        if name is None:
            return self._settings()
        return self._settings(
            server_key_file=self.folder / "broker.public", secret_key_file=self.folder / f"{name}.secret"
        )

    def _settings(self, **files: Path) -> BusSettings:
        return BusSettings(work=f"ipc://{self.folder}/work", feed=f"ipc://{self.folder}/feed", **files)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys(tmp_path)
    broker = Broker(Policy(1, "h", Limits()), BrokerSockets(keys.broker()))
    thread = threading.Thread(target=broker.run)
    thread.start()
    yield keys
    broker.stop()
    thread.join(5)


def client(settings: BusSettings, name: str) -> Client:
    hello = Hello(service="detector", instance=name, schema=SCHEMA, window=1, host="h", pid=1)
    return Client(settings, hello)


def test_a_listed_key_is_welcomed_and_others_wait_for_good(
    keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    worker, stranger = client(keys.client("worker"), "w"), client(keys.client("stranger"), "s")
    plain = client(keys.client(None), "p")
    wait_for(lambda: worker.receive(0.05) or worker.ready, "the listed worker's welcome")
    for _ in range(20):
        assert stranger.receive(0.05) is None
        assert plain.receive(0.05) is None
    assert not stranger.ready
    assert not plain.ready
    refusals = [record for record in caplog.records if "unknown key" in record.message]
    assert len(refusals) == 1
    assert (keys.folder / "stranger.public").read_text() in refusals[0].message
    for each in (worker, stranger, plain):
        each.close()


def test_a_broker_with_a_key_needs_the_list_of_its_clients(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    settings = keys.broker().model_copy(update={"authorized_keys_file": None})
    with pytest.raises(ConfigError, match="authorized_keys_file"):
        BrokerSockets(settings)


@pytest.mark.parametrize("text", ["not a key", "detector short"])
def test_a_malformed_list_is_named(tmp_path: Path, text: str) -> None:
    keys = Keys(tmp_path)
    (tmp_path / "authorized").write_text(text)
    with pytest.raises(ConfigError, match="authorized"):
        BrokerSockets(keys.broker())


def test_a_file_without_a_key_is_named(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    (tmp_path / "worker.secret").write_text("nothing")
    with pytest.raises(ConfigError, match=r"worker\.secret holds no CURVE key"):
        client(keys.client("worker"), "w")
