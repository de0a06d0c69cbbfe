"""docs/metrics.md names every metric with the type, labels and meaning that the code gives it."""

import re

from shared import topology
from tests.queries import ROOT, declared

TEXT = (ROOT / "docs/metrics.md").read_text()


def test_every_metric_is_described_as_the_code_does():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| [^|]+ \| (.*) \|$", TEXT, re.M)
    described = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows
    }
    assert len(rows) == len(described), "a metric has two rows"
    assert described == {
        name: (metric._type, metric._labelnames, metric._documentation) for name, metric in declared().items()
    }


def test_ports_are_those_of_the_topology():
    assert dict(re.findall(r"(\d{4}) \((\w+)\)", TEXT)) == {
        str(service.metrics_port): name for name, service in topology.SERVICES.items()
    }
