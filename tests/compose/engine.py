"""Stacks of docker-compose.yml under project names and ports of their own, driven by `docker compose`."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
PROJECT = "mien-test"
BUILD_SECONDS = 3600
COMMAND_SECONDS = 300
HEALTHY_SECONDS = 240


def run(
    *command: str, seconds: float = COMMAND_SECONDS, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, with these variables on top."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def engine_fault() -> str:
    """Return why no stack can be run here; empty: it can."""
    for command in (("docker", "info"), ("docker", "compose", "version")):
        try:
            answer = run(*command, seconds=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{' '.join(command)}: {error}"
        if answer.returncode:
            return f"{' '.join(command)}: {(answer.stderr.strip().splitlines() or ['failed'])[-1]}"
    return ""


def has_image(name: str) -> bool:
    """Say whether the engine has an image, or can get it."""
    if run("docker", "image", "inspect", name).returncode == 0:
        return True
    return run("docker", "pull", "--quiet", name).returncode == 0


def free_port() -> str:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Compose:
    """A stack; what the shell or .env say about it is left out, so that every run is the same.

    Args:
        project: its name.
        overlays: files of `deploy/` on top of docker-compose.yml.
        services: those that are started; none: all that can be.
        variables: as .env would give them.
    """

    def __init__(
        self,
        project: str = PROJECT,
        overlays: Sequence[str] = (),
        services: Sequence[str] = (),
        **variables: str,
    ) -> None:
        self._project = project
        files = ["docker-compose.yml", *(f"deploy/{overlay}" for overlay in overlays)]
        self._files = [argument for file in files for argument in ("--file", file)]
        text = (ROOT / "docker-compose.yml").read_text()
        defaults = dict(re.findall(r"\$\{([A-Z_]+_IMAGE):-([^}]+)\}", text))
        self.ports = {name: free_port() for name in ("DASHBOARD_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")}
        self.variables = {**self.ports, "MIEN_CONFIG": "./deploy/mien.yaml", **variables}
        prometheus = os.environ.get("PROMETHEUS_IMAGE", defaults["PROMETHEUS_IMAGE"])
        if not has_image(prometheus):  # another one of the same name will do
            prometheus = prometheus.partition(":")[0] + ":latest"
        self.variables["PROMETHEUS_IMAGE"] = prometheus
        self.services = list(services) or self("config", "--services").split()
        self.has_grafana = has_image(os.environ.get("GRAFANA_IMAGE", defaults["GRAFANA_IMAGE"]))
        if not self.has_grafana and "grafana" in self.services:
            self.services.remove("grafana")

    def __call__(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> str:
        """Run `docker compose …` and return its output."""
        base = ("docker", "compose", *self._files, "--project-name", self._project, "--env-file", os.devnull)
        answer = run(*base, *arguments, seconds=seconds, **self.variables)
        assert answer.returncode == 0, f"docker compose {' '.join(arguments)}: {answer.stderr[-3000:]}"
        return answer.stdout

    def up(self, *arguments: str) -> None:
        """Start what does not run, and wait until all of it is healthy."""
        self("up", "--detach", "--no-build", *arguments, *self.services)
        wait_for(self.is_healthy, "all services healthy", HEALTHY_SECONDS)

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """Return what `docker inspect` says of the project's containers."""
        identities = self("ps", "--all", "--quiet", *([service] if service else [])).split()
        return json.loads(run("docker", "inspect", *identities).stdout) if identities else []

    def is_healthy(self) -> bool:
        """Say whether every service runs and is healthy."""
        containers = self.containers()
        seen = {container["Config"]["Labels"]["com.docker.compose.service"] for container in containers}
        states = [container["State"].get("Health", {}).get("Status") for container in containers]
        return seen == set(self.services) and set(states) == {"healthy"}

    def crash(self, service: str) -> None:
        """Have the first container's processes killed from inside, as a crash would end them."""
        self.run_in(service, "kill -9 -1")

    def run_in(self, service: str, script: str) -> str:
        """Run a shell script in a service's container; return what it prints, whatever its exit code."""
        identity = self("ps", "--quiet", service).split()[0]
        return run("docker", "exec", identity, "sh", "-c", script).stdout

    def get(self, port: str, path: str) -> Any:
        """Return the JSON at a published port; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=10) as answer:
                return json.load(answer)
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def ledgers(self) -> dict[str, dict[str, Any]]:
        """Return camera → {captured, recorded, in_flight, dropped by reason}; empty while nobody answers."""
        status = self.get("DASHBOARD_PORT", "/api/status")
        return {camera["camera"]: camera["ledger"] for camera in status["cameras"]} if status else {}

    def remove(self) -> None:
        """Remove the stack with its networks and volumes."""
        self("down", "--volumes", "--remove-orphans")

    def recorded_since(self, since_ns: int) -> bool:
        """Say whether every camera has a result of a frame captured after that moment."""
        cameras = self.ledgers()
        latest = [self.get("DASHBOARD_PORT", f"/api/cameras/{camera}/latest") for camera in cameras]
        return bool(cameras) and all(result and result["captured_ns"] > since_ns for result in latest)

    def resumes(self, seconds: float) -> float:
        """Wait until frames captured from now on are recorded; return how long that took."""
        began = time.time_ns()
        wait_for(lambda: self.recorded_since(began), "every camera's results going on", seconds)
        return (time.time_ns() - began) / 1e9

    def targets(self) -> dict[str, int]:
        """Return service → replicas that Prometheus scrapes without fault."""
        answer = self.get("PROMETHEUS_PORT", "/api/v1/targets?state=active")
        up = [
            target["labels"]["service"]
            for target in (answer["data"]["activeTargets"] if answer else [])
            if target["labels"]["job"] == "mien" and target["health"] == "up"
        ]
        return {service: up.count(service) for service in up}

    def leftovers(self) -> list[str]:
        """Return containers, networks and volumes of the project that are still there."""
        label = f"label=com.docker.compose.project={self._project}"
        kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return [
            line for kind in kinds for line in run("docker", *kind, "-q", "--filter", label).stdout.split()
        ]
