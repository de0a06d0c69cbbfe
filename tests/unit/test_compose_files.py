"""Compose files and Dockerfile agree with what the code declares; no Docker here."""

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.capture.sources import kind_of
from shared import topology
from shared.config import Settings, load_settings
from tests.setting_names import setting_names

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted((ROOT / "deploy").glob("compose.*.yaml"))
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
VARIABLE = re.compile(r"\$\{([A-Z_0-9]+)(?::?[-+?]([^${}]*))?")
UPSTREAM = {"redis", "prometheus", "grafana"}


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


BASE = read(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = BASE["services"]
OURS = {name: service for name, service in SERVICES.items() if name not in UPSTREAM}


def settled(value: object) -> str:
    """Return a value as compose gives it where no variable is set."""
    return re.sub(r"\$\{[A-Z_0-9]+:?-([^${}]*)\}", r"\1", str(value))


def environments() -> list[tuple[str, dict[str, Any]]]:
    files = [ROOT / "docker-compose.yml", *OVERLAYS]
    return [
        (f"{file.name}: {name}", service["environment"])
        for file in files
        for name, service in read(file)["services"].items()
        if "environment" in service
    ]


def example_variables() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(re.findall(r"^#?([A-Z_0-9]+)=(.*)$", "\n".join(lines), re.M))


def test_every_service_of_the_topology_runs_by_its_module():
    assert set(OURS) == set(topology.SERVICES)
    for name, service in OURS.items():
        assert service["command"] == ["python", "-m", f"services.{name}"]
        assert importlib.util.find_spec(f"services.{name}.__main__")


def test_each_is_asked_at_the_port_where_it_answers():
    for name, service in OURS.items():
        own = topology.SERVICES[name].metrics_port
        port = Settings().dashboard.port if name == "dashboard" else own
        assert service["healthcheck"]["test"] == ["CMD", "mien-health", str(port)]


def test_prometheus_finds_every_service_by_dns():
    config = read(ROOT / "deploy/prometheus/prometheus.yml")
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "mien"]
    found = {target["names"][0]: target["port"] for target in job["dns_sd_configs"]}
    assert found == {name: service.metrics_port for name, service in topology.SERVICES.items()}
    assert {target["type"] for target in job["dns_sd_configs"]} == {"A"}


def test_stopping_follows_the_design():
    """Compose stops what depends before what it depends on."""
    order = {name: service.stop_order for name, service in topology.SERVICES.items()} | {"redis": 99}
    for name, service in OURS.items():
        for needed, how in service["depends_on"].items():
            assert order[name] < order[needed]
            assert how == {"condition": "service_healthy"}
    chain = ["capture", "detector", "classifier", "recorder", "broker", "redis"]
    assert [list(SERVICES[name]["depends_on"]) for name in chain[:-1]] == [[name] for name in chain[1:]]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_locked_down(name):
    service = SERVICES[name]
    assert (service["read_only"], service["init"], service["cap_drop"]) == (True, True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["healthcheck"]["test"]
    assert service["stop_grace_period"] == "5s"
    assert not {"privileged", "cap_add", "user", "network_mode"} & set(service)
    for port in service.get("ports", []):
        assert settled(port).startswith("127.0.0.1:")


def test_published_ports():
    published = {settled(port) for service in SERVICES.values() for port in service.get("ports", [])}
    assert published == {"127.0.0.1:8080:8080", "127.0.0.1:3000:3000", "127.0.0.1:9090:9090"}


def test_the_last_word_of_each_image_is_a_user():
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]
    for stage in stages:
        name = stage.splitlines()[0].split(" AS ")[1]
        if name in ("redis", "prometheus", "runtime", "gpu"):
            assert re.findall(r"^USER (.*)$", stage, re.M)[-1].split(":")[0] not in ("0", "root")


@pytest.mark.parametrize(("where", "environment"), environments())
def test_every_variable_is_a_setting_and_every_fixed_value_is_good(where, environment, monkeypatch):
    names = setting_names(Settings)
    for variable, value in environment.items():
        if not variable.startswith("MIEN_"):
            continue
        assert variable in names, f"{where}: {variable}"
        if value is not None and variable != "MIEN_CONFIG":
            monkeypatch.setenv(variable, settled(value))
    load_settings()


def test_workers_go_where_the_broker_listens():
    broker = OURS["broker"]["environment"]
    for name, service in OURS.items():
        for variable in ("MIEN_BUS__WORK", "MIEN_BUS__FEED"):
            address = service["environment"][variable]
            assert address.rsplit(":", 1)[1] == broker[variable].rsplit(":", 1)[1]
            assert name == "broker" or address.startswith("tcp://broker:")


def test_the_example_of_env_names_what_compose_reads(monkeypatch):
    text = "".join(path.read_text() for path in (ROOT / "docker-compose.yml", *OVERLAYS))
    passed_on = {
        name for _, variables in environments() for name, value in variables.items() if value is None
    }
    used = {name for name, _ in VARIABLE.findall(text)} | passed_on
    examples = example_variables()
    assert set(examples) == used - {"MIEN_REVISION"}
    for name, value in examples.items():
        if name in setting_names(Settings) - {"MIEN_CONFIG"}:
            monkeypatch.setenv(name, value)
    load_settings()


def test_defaults_of_compose_and_dockerfile_agree():
    defaults = dict(re.findall(r"^ARG ([A-Z_]+)=(\S+)$", DOCKERFILE, re.M))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert defaults["VERSION"] == version
    for path in (ROOT / "docker-compose.yml", *OVERLAYS):
        for name, default in VARIABLE.findall(path.read_text()):
            if name in defaults and name.endswith("_IMAGE"):
                assert default == defaults[name], path.name
            if name == "MIEN_VERSION":
                assert default == version, path.name


def test_builds_name_stages_that_are_there():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.M))
    for path in (ROOT / "docker-compose.yml", *OVERLAYS):
        for service in read(path)["services"].values():
            if "build" in service:
                assert service["build"]["target"] in stages
                assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_every_base_image_has_a_tag():
    for name, image in re.findall(r"^ARG ([A-Z]+_IMAGE)=(\S+)$", DOCKERFILE, re.M):
        assert ":" in image, name
        assert not image.endswith(":latest")


def test_what_is_copied_is_let_through():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(f"!{source}" == entry or _matches(entry, source) for entry in ignored), source


def _matches(entry: str, source: str) -> bool:
    return entry == "!requirements/*.txt" and re.fullmatch(r"requirements/\w+\.txt", source) is not None


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.name)
def test_overlays_change_services_that_are_there(path):
    assert set(read(path)["services"]) <= set(SERVICES)


def test_the_settings_file_of_the_containers_is_good(monkeypatch):
    monkeypatch.delenv("MIEN_CONFIG", raising=False)
    assert load_settings(ROOT / "deploy/mien.yaml").cameras == {}
    assert OURS["capture"]["environment"]["MIEN_CONFIG"] == "/etc/mien/mien.yaml"
    assert "${MIEN_CONFIG:-./deploy/mien.yaml}:/etc/mien/mien.yaml:ro" in OURS["capture"]["volumes"]


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.name)
def test_every_secret_that_a_service_reads_is_mounted_in_it(path):
    overlay = read(path)
    for name, service in overlay["services"].items():
        mounted = set(service.get("secrets", []))
        text = str([service.get(part) for part in ("environment", "command", "healthcheck")])
        assert set(re.findall(r"/run/secrets/([\w.-]+\w)", text)) == mounted, name
        assert mounted <= set(overlay.get("secrets", {}))


def test_with_a_redis_of_ones_own_nothing_waits_for_the_one_in_containers_and_all_reach_theirs():
    services = read(ROOT / "deploy/compose.external-redis.yaml")["services"]
    assert services["redis"] == {"profiles": ["never"]}
    optional = {"redis": {"condition": "service_healthy", "required": False}}
    for name, service in SERVICES.items():
        if "redis" in service.get("depends_on", {}):
            assert services[name]["depends_on"] == optional
    readers = {name for name, service in OURS.items() if "MIEN_REDIS__URL" in service["environment"]}
    assert readers == set(services) - {"redis"}
    for name in readers:
        assert "MIEN_REDIS__URL:?" in services[name]["environment"]["MIEN_REDIS__URL"]
        assert "outside" in services[name]["networks"]
    assert BASE["networks"]["private"]["internal"]


def test_the_webcam_is_passed_to_who_opens_it_under_a_name_that_is_a_webcam():
    (service,) = read(ROOT / "deploy/compose.webcam.yaml")["services"].items()
    assert service[0] == "capture"
    (device,) = service[1]["devices"]
    host, inside = settled(device).split(":")
    assert host == inside
    assert kind_of(inside) == "webcam"
    (group,) = service[1]["group_add"]
    assert settled(group).isdecimal()


def test_what_others_wait_for_goes_first_where_cores_are_short():
    first = {name for name, service in SERVICES.items() if service.get("cpu_shares", 1024) > 1024}
    assert first == {"redis", "broker", "recorder", "dashboard"}
