"""Redis over TLS with a password: a real server, whose certificate is checked and made out to its address."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.config import RedisSettings
from shared.errors import ConfigError, StoreError
from shared.store import Store
from tests.waiting import wait_for

SERVER = "/usr/bin/redis-check-rdb"
"""Debian's redis-tools: the server itself, under the name of one of its uses."""
PASSWORD = "correct horse"

pytestmark = pytest.mark.skipif(
    not os.path.exists(SERVER) or shutil.which("openssl") is None,
    reason="needs Debian's redis-tools and openssl (make test installs them): the embedded server has no TLS",
)


def certify(folder: Path, name: str) -> None:
    """Make an authority `name.ca`, and `name.crt` with `name.key` that it signs for 127.0.0.1."""
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for command in (
        f"req -x509 -days 2 -subj /CN={name}-ca -keyout {name}.cakey -out {name}.ca".split() + new_key,
        f"req -subj /CN={name} -keyout {name}.key -out {name}.csr".split() + new_key,
        f"x509 -req -days 2 -in {name}.csr -CA {name}.ca -CAkey {name}.cakey -CAcreateserial "
        f"-extfile names -out {name}.crt".split(),
    ):
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certify(folder, "server")
    certify(folder, "other")
    (folder / "password").write_text(PASSWORD + "\n")
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        f"--port 0 --tls-port {port} --bind 127.0.0.1 --tls-cert-file server.crt --tls-key-file server.key"
    )
    command = ["redis-server", *options.split(), "--tls-auth-clients", "no", "--requirepass", PASSWORD]
    process = subprocess.Popen(
        [*command, "--save", "", "--dir", str(folder)],
        executable=SERVER,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return process.poll() is None and probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listens, "the server", 30.0)
    yield port
    process.terminate()
    process.wait(10)


def ping(folder: Path, url: str, ca: str | None = "server.ca", password: str = "password") -> None:
    ca_file = folder / ca if ca else None
    store = Store(RedisSettings(url=url, ca_file=ca_file, password_file=folder / password), folder)
    try:
        store.set_wanted(blur=True)
        assert store.wanted().blur is True
    finally:
        store.close()


def test_a_server_with_a_trusted_certificate_and_the_password_is_used(folder: Path, port: int) -> None:
    ping(folder, f"rediss://127.0.0.1:{port}/0")


@pytest.mark.parametrize("ca", ["other.ca", None])
def test_a_certificate_of_an_unknown_authority_is_refused(folder: Path, port: int, ca: str | None) -> None:
    with pytest.raises(StoreError, match=r"certificate of Redis at rediss://127.0.0.1:\d+/0 is not trusted"):
        ping(folder, f"rediss://127.0.0.1:{port}/0", ca=ca)


def test_a_certificate_made_out_to_another_host_is_refused(folder: Path, port: int) -> None:
    with pytest.raises(StoreError, match=r"is not trusted .* see redis\.ca_file"):
        ping(folder, f"rediss://localhost:{port}/0")


def test_a_wrong_password_is_named_and_not_shown(folder: Path, port: int) -> None:
    (folder / "wrong").write_text("a wrong secret")
    with pytest.raises(StoreError, match=r"refuses the password") as caught:
        ping(folder, f"rediss://127.0.0.1:{port}/0", password="wrong")
    assert "a wrong secret" not in str(caught.value)


def test_plain_text_does_not_reach_it(folder: Path, port: int) -> None:
    with pytest.raises(StoreError, match="does not answer"):
        ping(folder, f"redis://127.0.0.1:{port}/0", ca=None)


def test_a_missing_authority_or_one_for_plain_text_is_a_mistake(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"redis\.ca_file: can't read .*nowhere"):
        ping(folder, "rediss://127.0.0.1:1/0", ca="nowhere")
    with pytest.raises(ConfigError, match=r"redis\.ca_file: only a rediss://"):
        ping(folder, "redis://127.0.0.1:1/0")
