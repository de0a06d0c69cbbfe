"""Every PromQL expression that is shipped, what it asks for, and the series that the code declares."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from prometheus_client.metrics import MetricWrapperBase

from shared import metrics

ROOT = Path(__file__).parents[1]
RULE_FILES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
VARIABLES = {"$__rate_interval": "30s", "$camera": ".*"}
TARGET_LABELS = {"service", "instance", "job", "namespace", "pod"}
"""What scraping adds to every series."""
OWN = {"up": set[str](), "ALERTS": {"alertname", "alertstate", "severity"}}
"""Prometheus' own series."""


FAULTS = {
    "mien_clock_offset_seconds",
    "mien_invalid_messages_total",
    "mien_webhook_messages_total",
    "mien_traces_total",
    "ALERTS",
}
"""Series that a stack on one machine has only when something is wrong, or webhooks or traces are wanted."""


@dataclass(frozen=True)
class Query:
    """An expression, and where it stands."""

    where: str
    text: str


def rules() -> list[dict[str, Any]]:
    """Return all recording rules and alerts."""
    groups = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def rule_queries() -> list[Query]:
    """Return the expressions of all rules."""
    return [Query(rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]


def dashboard_queries() -> list[Query]:
    """Return the expressions of all panels and variables, with the variables filled in."""
    found = []
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for variable in dashboard["templating"]["list"]:
            found.append(Query(f"{path.stem} ${variable['name']}", _variable_query(variable["query"])))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                found.append(Query(f"{path.stem}: {panel['title']}", filled_in(target["expr"])))
    return found


def _variable_query(text: str) -> str:
    """Return the PromQL in Grafana's `label_values(series, label)` and `query_result(expression)`."""
    values = re.fullmatch(r"label_values\((.*), *(\w+)\)", text)
    if values:
        return f"count by ({values[2]}) ({values[1]})"
    return re.fullmatch(r"query_result\((.*)\)", text)[1]  # type: ignore[index]


def filled_in(text: str) -> str:
    """Return an expression with Grafana's variables replaced."""
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


def selectors(text: str) -> list[Any]:
    """Return the vector selectors of an expression."""
    return [node for node in _nodes(promql_parser.parse(text)) if hasattr(node, "matchers")]


def is_of_health(selector: Any) -> bool:
    """Say whether a stack that is well has series for a selector."""
    wanted = {matcher.value for matcher in selector.matchers.matchers if matcher.name == "outcome"}
    return selector.name not in FAULTS and wanted <= {"recorded"}


def labels_of(text: str) -> set[str]:
    """Return every label that an expression names in matchers, groupings and joins."""
    named: set[str] = set()
    for node in _nodes(promql_parser.parse(text)):
        if hasattr(node, "matchers"):
            named |= {matcher.name for matcher in node.matchers.matchers}
        modifier = getattr(node, "modifier", None)
        named |= set(getattr(modifier, "labels", None) or [])
        named |= set(getattr(getattr(modifier, "matching", None), "labels", None) or [])
    return named


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    below = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector", "param")]
    for child in [*below, *(getattr(node, "args", None) or [])]:
        if child is not None:
            yield from _nodes(child)


def declared() -> dict[str, MetricWrapperBase]:
    """Return every metric of Mien's own by its name."""
    return {
        metric._name + ("_total" if metric._type == "counter" else ""): metric
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }


def series() -> dict[str, set[str]]:
    """Return every series name that can be asked for, and its labels."""
    found = {name: set(labels) for name, labels in OWN.items()}
    for name, metric in declared().items():
        labels = set(metric._labelnames)
        if metric._type == "histogram":
            found |= {f"{name}_sum": labels, f"{name}_count": labels, f"{name}_bucket": {*labels, "le"}}
        else:
            found[name] = labels
    for family in metrics.REGISTRY.collect():
        if family.name.startswith("process_"):
            found |= {sample.name: set() for sample in family.samples}
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = grouping(rule["expr"])
    return found


def grouping(text: str) -> set[str]:
    """Return the labels that the outermost grouping of an expression leaves, without `le`."""
    for node in _nodes(promql_parser.parse(text)):
        if getattr(node, "modifier", None) is not None and hasattr(node.modifier, "labels"):
            return set(node.modifier.labels) - {"le"}
    return set()
