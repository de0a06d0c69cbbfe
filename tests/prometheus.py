"""A real Prometheus for tests: Mien's configuration, pointed at a stack on this machine and made quick."""

import json
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.queries import ROOT, RULE_FILES
from tests.waiting import wait_for

PATH = f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin"
PROMETHEUS = shutil.which("prometheus", path=PATH)
PROMTOOL = shutil.which("promtool", path=PATH)
WHERE_FROM = "tests/install_prometheus .venv/bin gets it from Debian"


class Prometheus:
    """Answers queries."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples that an expression gives now."""
        address = f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            samples: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return samples

    def is_ready(self) -> bool:
        """Say whether it answers."""
        try:
            return bool(self.query("vector(1)"))
        except OSError:
            return False


@contextmanager
def running_prometheus(folder: Path, dashboard: str) -> Iterator[Prometheus]:
    """Scrape a dashboard's stack once a second, with the rules that are shipped, until the context ends."""
    assert PROMETHEUS
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "mien"]
    for key in ("dns_sd_configs", "relabel_configs"):  # there, DNS says what http_sd says here
        del job[key]
    job["http_sd_configs"] = [{"url": f"{dashboard}api/prometheus-targets", "refresh_interval": "5s"}]
    config["scrape_configs"] = [job]
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    (folder / "rules").mkdir()
    for path in RULE_FILES:
        (folder / "rules" / path.name).write_text(path.read_text().replace("interval: 15s", "interval: 1s"))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={address}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        made = Prometheus(f"http://{address}")
        wait_for(made.is_ready, "Prometheus answers", 30)
        yield made
    finally:
        process.terminate()
        process.wait(10)
