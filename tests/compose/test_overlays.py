"""Overlays brought up for real: secrets in files and a device passed through; cameras here, GPUs there."""

import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose.engine import BUILD_SECONDS, ROOT, Compose, run
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(BUILD_SECONDS + 600)

PASSWORD = "c0ffee00c0ffee00"
SECONDS = 60
READERS = ("broker", "recorder", "classifier", "detector", "capture", "dashboard")
CAMERAS_KEYS = ("cameras.secret", "broker.public", "redis-ca.crt")
"""All that the cameras' host is given, beside the password."""


def readable(folder: Path) -> None:
    """Let the containers' users read what is mounted from here."""
    for path in folder.iterdir():
        path.chmod(0o644)


@pytest.fixture(scope="module")
def secretive(built, tmp_path_factory):
    """Redis' password in a file; /dev/null as the webcam, for lack of one that every machine has."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "redis-password").write_text(PASSWORD + "\n")
    readable(folder)
    compose = Compose(
        "mien-test-secrets",
        ["compose.secrets.yaml", "compose.webcam.yaml"],
        ["redis", *READERS],
        REDIS_PASSWORD_FILE=str(folder / "redis-password"),
        WEBCAM="/dev/null",
        VIDEO_GROUP="12345",
    )
    compose.remove()
    try:
        compose.up()
        yield compose
    finally:
        compose.remove()


def test_with_the_password_in_a_file_results_flow(secretive):
    wait_for(secretive.ledgers, "cameras", SECONDS)
    secretive.resumes(SECONDS)
    assert "NOAUTH" in secretive.run_in("redis", "redis-cli get mien:x")
    told = secretive.run_in(
        "redis",
        'export REDISCLI_AUTH="$(cat /run/secrets/redis-password)"; redis-cli config get maxmemory-policy',
    )
    assert "noeviction" in told


def test_the_password_is_in_no_environment_and_in_no_list_of_processes(secretive):
    for service in ("redis", *READERS):
        shown = secretive.run_in(service, "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert service in shown
        assert PASSWORD not in shown
    assert PASSWORD not in str(secretive.containers())


def test_redis_stops_by_itself_with_its_settings_on_standard_input(secretive):
    secretive("stop", "redis")
    (stopped,) = secretive.containers("redis")
    assert stopped["State"]["ExitCode"] == 0
    secretive.up()
    secretive.resumes(SECONDS)


def test_the_device_and_its_group_are_in_the_container_of_capture(secretive):
    told = secretive.run_in("capture", "test -c /dev/video0 && echo DEVICE; id -G")
    assert "DEVICE" in told
    assert "12345" in told.split()


def test_a_device_that_is_no_webcam_is_named_and_the_others_go_on(secretive):
    assert "Camera desk added" in secretive.run_in("capture", "mien camera add desk /dev/video0")

    def desk():
        status = secretive.get("DASHBOARD_PORT", "/api/status") or {"cameras": []}
        found = [camera for camera in status["cameras"] if camera["camera"] == "desk"]
        return found and found[0]["state"] == "lost" and found[0]["detail"]

    assert "/dev/video0" in wait_for(desk, "desk lost", SECONDS)
    secretive.run_in("capture", "mien camera remove desk")
    secretive.resumes(SECONDS)


def make_keys(folder: Path, address: str) -> None:
    """Make all that docs/across-machines.md has people make, by its commands."""
    mien = [sys.executable, "-m", "services.cli", "keys", "--into", str(folder)]
    subprocess.run([*mien, "broker"], cwd=ROOT, check=True, capture_output=True)
    lines = []
    for name, roles in (("server", "classifier,recorder,dashboard"), ("cameras", "capture,detector")):
        answer = subprocess.run(
            [*mien, name, "--role", roles], cwd=ROOT, check=True, capture_output=True, text=True
        )
        lines.append(answer.stdout.strip().splitlines()[-1])
    (folder / "authorized").write_text("\n".join(lines) + "\n")
    guide = (ROOT / "docs/across-machines.md").read_text()
    script = [
        line.strip() for line in guide.splitlines() if line.startswith(("    openssl", "    echo subj"))
    ]
    assert len(script) == 4
    text = "\n".join(["set -e", *script]).replace("10.0.0.2", address)
    subprocess.run(["sh", "-c", text], cwd=folder, check=True, capture_output=True)
    readable(folder)


@pytest.fixture(scope="module")
def hosts(built, tmp_path_factory):
    """Two projects, which share no network: they reach each other by the address of Docker's own bridge."""
    told = run("docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    address = told.stdout.strip()
    try:
        ipaddress.ip_address(address)
    except ValueError:
        pytest.skip(f"Docker's bridge has no address here ({told.stderr.strip() or address!r})")
    there_keys, here_keys = tmp_path_factory.mktemp("there"), tmp_path_factory.mktemp("here")
    make_keys(there_keys, address)
    for name in CAMERAS_KEYS:
        (here_keys / name).write_text((there_keys / name).read_text())
    readable(here_keys)
    variables = {"MIEN_SERVER": address, "PUBLISH_BUS_ADDRESS": address, "MIEN_REDIS__PASSWORD": PASSWORD}
    there = Compose(
        "mien-test-there",
        ["compose.remote.yaml"],
        ["redis", "broker", "recorder", "classifier", "dashboard"],
        KEYS_DIR=str(there_keys),
        **variables,
    )
    here = Compose(
        "mien-test-here",
        ["compose.remote.yaml"],
        ["capture", "detector"],
        KEYS_DIR=str(here_keys),
        **variables,
    )
    try:
        for stack in (there, here):
            stack.remove()
        there.up()
        here.up("--no-deps")
        yield there, here
    finally:
        for stack in (here, there):
            stack.remove()


def test_cameras_here_give_results_there(hosts):
    there, _ = hosts
    cameras = wait_for(there.ledgers, "the cameras of the other host", SECONDS)
    assert set(cameras) == {"demo-carphone", "demo-astronaut"}
    there.resumes(SECONDS)


def test_each_host_has_the_secrets_of_its_own_services_only(hosts):
    there, here = hosts
    assert set(here.run_in("capture", "ls /run/secrets").split()) == set(CAMERAS_KEYS)
    assert set(there.run_in("classifier", "ls /run/secrets").split()) == {"server.secret", "broker.public"}
    assert "broker.secret" not in there.run_in("dashboard", "ls /run/secrets")


def test_redis_from_outside_takes_a_password_and_tls(hosts):
    _, here = hosts
    script = """
import os, redis
url, ca = os.environ["MIEN_REDIS__URL"], os.environ["MIEN_REDIS__CA_FILE"]
password = os.environ["MIEN_REDIS__PASSWORD"]
for options in ({"ssl_ca_certs": ca}, {"ssl_ca_certs": ca, "password": password}, {"password": password}):
    try:
        print(redis.Redis.from_url(url, **options).ping())
    except redis.RedisError as error:
        print(type(error).__name__, error)
"""
    without, with_password, untrusted = here.run_in("capture", f"python -c '{script}'").strip().splitlines()
    assert "Authentication" in without
    assert with_password == "True"
    assert "CERTIFICATE_VERIFY_FAILED" in untrusted


def test_the_server_away_and_back_the_cameras_host_goes_on_by_itself(hosts):
    there, here = hosts
    before = [container["State"]["StartedAt"] for container in here.containers()]
    there("restart", "broker", "redis")
    wait_for(there.is_healthy, "all healthy there", SECONDS)
    there.resumes(SECONDS)
    assert [container["State"]["StartedAt"] for container in here.containers()] == before
