"""CURVE on the broker's sockets: listed keys get in, in their roles; others and plain clients do not."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from services.broker.service import Broker
from shared.broker_bus import BrokerSockets
from shared.bus import BeatSocket, Client, FeedReader, generate_keys
from shared.config import BusSettings
from shared.errors import ConfigError
from shared.messages import SCHEMA, Beat, BeatAck, Feed, Hello, Refused
from tests.waiting import wait_for


class Keys:
    """Key files of a broker, a detector, a host that has cameras and the page, and a stranger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("broker", "worker", "door", "stranger"):
            public, secret = generate_keys()
            (folder / f"{name}.public").write_text(public)
            (folder / f"{name}.secret").write_text(secret)
        lines = [
            "# role and key",
            f"detector {self.public('worker')}",
            "",
            f"capture,dashboard {self.public('door')}",
        ]
        (folder / "authorized").write_text("\n".join(lines))

    def public(self, name: str) -> str:
        return (self.folder / f"{name}.public").read_text()

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


def bound(settings: BusSettings) -> BrokerSockets | None:
    """Bind, unless ZeroMQ has not let go yet of the address at which a broker before was asked for keys."""
    try:
        return BrokerSockets(settings)
    except zmq.ZMQError as error:
        if error.errno != zmq.EADDRINUSE:
            raise
        return None


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys(tmp_path)
    broker = Broker(
        Policy(1, "h", Limits()), wait_for(lambda: bound(keys.broker()), "the last test's address")
    )
    thread = threading.Thread(target=broker.run)
    thread.start()
    yield keys
    broker.stop()
    thread.join(5)


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    opened: list[Client] = []

    def connect(
        settings: BusSettings, name: str, service: str = "detector", camera: str | None = None
    ) -> Client:
        run = 1 if camera else None
        hello = Hello(
            service=service, instance=name, schema=SCHEMA, window=1, host="h", pid=1, camera=camera, run=run
        )
        opened.append(Client(settings, hello))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def refusal(client: Client) -> str:
    """Return why the broker refuses this client."""
    header = wait_for(lambda: client.receive(0.05), "an answer").header
    assert isinstance(header, Refused)
    return header.reason


def test_a_listed_key_is_welcomed_and_others_wait_for_good(
    keys: Keys, client: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    worker = client(keys.client("worker"), "w")
    mistaken = keys.client("worker").model_copy(update={"server_key_file": keys.folder / "door.public"})
    refused = [client(keys.client("stranger"), "s"), client(keys.client(None), "p"), client(mistaken, "m")]
    wait_for(lambda: worker.receive(0.05) or worker.ready, "the listed worker's welcome")
    said = {
        f"refused a client with unknown key {keys.public('stranger')}",
        f"refused a client without a key at ipc://{keys.folder}/work",
        f"refused a client that takes another key for the broker's at ipc://{keys.folder}/work",
    }
    wait_for(lambda: said <= {record.message for record in caplog.records}, "all refusals in the log")
    for _ in range(20):  # they try again and again
        assert [each.receive(0.05) for each in refused] == [None, None, None]
    assert not any(each.ready for each in refused)
    unknown = "the broker does not know this process's key (bus.secret_key_file)"
    assert sum(record.message.startswith(unknown) for record in caplog.records) == 1  # the stranger's own log
    assert sorted(record.message for record in caplog.records if "refused" in record.message) == sorted(said)


def test_a_worker_s_key_makes_neither_a_source_nor_another_service(
    keys: Keys, client: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    settings = keys.client("worker")
    source = client(settings, "door", service="capture", camera="door")
    assert "its key is listed as detector, not as capture" in refusal(source)
    source.say_hello()
    assert "not as capture" in refusal(source)
    assert "not as recorder" in refusal(client(settings, "r", service="recorder"))
    assert "no source of a camera" in refusal(client(settings, "d", camera="door"))
    logged = [record.message for record in caplog.records if "refused a" in record.message]
    assert len(logged) == 2
    assert keys.public("worker") in logged[0]


def test_a_key_with_several_roles_has_each_of_them(keys: Keys, client: Callable[..., Client]) -> None:
    source = client(keys.client("door"), "door", service="capture", camera="door")
    wait_for(lambda: source.receive(0.05) or source.ready, "the source's welcome")
    assert "listed as capture,dashboard, not as detector" in refusal(client(keys.client("door"), "d"))


def test_nobody_beats_for_a_service_that_the_key_is_not_listed_for(
    keys: Keys, client: Callable[..., Client]
) -> None:
    source = client(keys.client("door"), "door", service="capture", camera="door")
    wait_for(lambda: source.receive(0.05) or source.ready, "the source's welcome")
    beat = Beat(service="capture", instance="door", sent_ns=5, captured=7)
    owner, impostor = BeatSocket(keys.client("door")), BeatSocket(keys.client("worker"))
    wait_for(lambda: impostor.send(beat), "the impostor's connection")
    assert impostor.receive(0.5) is None
    wait_for(lambda: owner.send(beat), "the owner's connection")
    assert isinstance(owner.receive(5.0), BeatAck)
    owner.close()
    impostor.close()


def test_feeds_are_for_the_dashboard_s_keys_alone(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    publisher = Hello(service="detector", instance="w", schema=SCHEMA, window=1, host="h", pid=1)

    async def read() -> None:
        page, worker = FeedReader(keys.client("door")), FeedReader(keys.client("worker"))
        for reader in (page, worker):
            reader.subscribe("result/door")
        source = Client(keys.client("worker"), publisher)
        news = asyncio.ensure_future(page.receive())
        leak = asyncio.ensure_future(worker.receive())
        while not news.done():
            source.receive(0.01)
            source.send(Feed(topic="result/door"), b"news")
            await asyncio.sleep(0.02)
        assert news.result() == ("result/door", b"news")
        assert not leak.done()
        leak.cancel()
        for each in (page, worker, source):
            each.close()

    asyncio.run(asyncio.wait_for(read(), 20))
    refused = f"refused the feeds to key {keys.public('worker')}: they are for the role dashboard"
    assert refused in {record.message for record in caplog.records}


def test_a_broker_with_a_key_needs_the_list_of_its_clients(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    settings = keys.broker().model_copy(update={"authorized_keys_file": None})
    with pytest.raises(ConfigError, match="authorized_keys_file"):
        BrokerSockets(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not a key", "authorized:1: expected `role public-key`"),
        ("# fine\ndetector short", "authorized:2: 'short' is no public key"),
        (f"camera {'k' * 40}", "authorized:1: unknown role 'camera': one of capture, detector"),
        (f"detector {'k' * 40}\nrecorder {'k' * 40}", "authorized:2: this key is listed twice"),
    ],
)
def test_a_malformed_list_is_named(tmp_path: Path, text: str, said: str) -> None:
    keys = Keys(tmp_path)
    (tmp_path / "authorized").write_text(text)
    with pytest.raises(ConfigError, match=said):
        BrokerSockets(keys.broker())


def test_a_file_without_a_key_is_named(tmp_path: Path, client: Callable[..., Client]) -> None:
    keys = Keys(tmp_path)
    (tmp_path / "worker.secret").write_text("nothing")
    with pytest.raises(ConfigError, match=r"worker\.secret holds no CURVE key"):
        client(keys.client("worker"), "w")
