"""What the processes of a stack are told: commands, environment, a free port; how many, and how they stop."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.supervisor.embedded_redis import server_binary, server_configuration
from services.supervisor.plan import Stage
from services.supervisor.processes import Command, service_command
from shared import topology
from shared.config import DashboardSettings, Settings, environment_overrides
from shared.errors import ConfigError, StackError
from shared.records import Wanted
from shared.worker_counts import worker_counts

REDIS: Final = "redis"
STOP_SECONDS: Final = {
    topology.CAPTURE.name: 1.3,
    topology.DETECTOR.name: 1.8,
    topology.CLASSIFIER.name: 2.3,
    topology.RECORDER.name: 3.0,
    topology.DASHBOARD.name: 3.3,
    topology.BROKER.name: 3.6,
    REDIS: 4.0,
}
"""Counted from the order to stop: by when each service must be gone, so that all is within 5 s."""
PORTS_TRIED: Final = 20
EVERY_HOST: Final = ("", "0.0.0.0", "::")


def stages() -> Sequence[Stage]:
    """Return the services in the order in which they stop."""
    ordered = sorted(topology.SERVICES.values(), key=lambda service: service.stop_order)
    return [Stage(name, STOP_SECONDS[name]) for name in (*(service.name for service in ordered), REDIS)]


def counts(settings: Settings, wanted: Wanted) -> dict[str, int]:
    """Return how many processes of each service there should be: as asked at run time, else as configured."""
    workers = worker_counts(settings.scale, wanted)
    return {
        topology.BROKER.name: 1,
        topology.RECORDER.name: workers["recorders"],
        topology.CLASSIFIER.name: workers["classifiers"],
        topology.DETECTOR.name: workers["detectors"],
        topology.CAPTURE.name: 1,
        topology.DASHBOARD.name: 1,
    }


class Data(NamedTuple):
    """Where the embedded server keeps its data, and the lock on that folder (a file descriptor)."""

    folder: Path
    lock: int


class Launcher:
    """Knows how to start each instance.

    Args:
        settings: the tree; `redis.url` and `dashboard.port` as the processes are to use them.
        flags: what was given on the command line, nested as in the settings.
        data: of the embedded server; None: Redis is the user's own.
    """

    def __init__(
        self,
        settings: Settings,
        flags: Mapping[str, Any],
        data: Data | None,
    ) -> None:
        self._settings, self._data = settings, data
        settled: dict[str, Any] = {
            "run_dir": settings.run_dir,
            "redis": {"url": settings.redis.url},
            "metrics": {"port": 0},
            "dashboard": {"port": settings.dashboard.port},
        }
        if settings.config:
            settled["config"] = settings.config.absolute()
        self._environment = environment_overrides(**_merged(flags, settled))

    @property
    def embeds_redis(self) -> bool:
        """True if the Redis server is ours to start."""
        return self._data is not None

    def command(self, service: str, instance: str) -> Command:
        """Return how to start an instance."""
        if service == REDIS:
            return self._redis_command()
        return service_command(service, instance, self._environment)

    def _redis_command(self) -> Command:
        assert self._data is not None
        text = server_configuration(self._settings.redis, self._settings.run_dir, self._data.folder)
        return Command([str(server_binary()), "-"], stdin=text, keep_open=(self._data.lock,))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `over` laid over `base`, branch by branch."""
    merged = dict(base)
    for key, value in over.items():
        deeper = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if deeper else value
    return merged


def check_gpus(choice: str, present: Sequence[str]) -> None:
    """Check that the GPUs of `scale.gpus` are there; which classifier takes which, they settle themselves.

    Raises:
        ConfigError: a number names a GPU that is not there.
    """
    numbers = [] if choice in ("auto", "none") else [int(number) for number in choice.split(",")]
    missing = [number for number in numbers if number >= len(present)]
    if missing:
        there = f"it has 0 to {len(present) - 1}" if present else "it has none"
        raise ConfigError(
            f"scale.gpus: there is no GPU {missing[0]} on this machine ({there}): see `mien doctor`"
        )


def dashboard_port(settings: DashboardSettings) -> int:
    """Return the port to use: the configured one; if that is taken and nobody chose it, the next free one.

    Raises:
        StackError: the chosen port is taken, none is free, or the host is not this machine's.
    """
    if settings.port == 0 or is_free(settings.host, settings.port):
        return settings.port or _any_port(settings.host)
    if "port" not in settings.model_fields_set:
        for port in range(settings.port + 1, settings.port + PORTS_TRIED):
            if is_free(settings.host, port):
                return port
    raise StackError(
        f"port {settings.port} on {settings.host} can't be used for the dashboard: choose another with --port"
    )


def dashboard_url(settings: DashboardSettings) -> str:
    """Return the page's address as a browser on this machine takes it."""
    host = "localhost" if settings.host in EVERY_HOST else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def is_free(host: str, port: int) -> bool:
    """Tell whether a program of ours could listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _any_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise StackError(
                f"dashboard.host {host} can't be used: {error.strerror}; choose an address of this machine"
            ) from None
        port: int = probe.getsockname()[1]
    return port
