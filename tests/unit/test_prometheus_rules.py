"""Recording rules and alerts do what they say, by promtool; and none of them is left untested."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.prometheus import PROMTOOL, WHERE_FROM
from tests.queries import ROOT, RULE_FILES, rules

CASE_FILES = sorted((ROOT / "tests/monitoring").glob("*.yml"))

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason=f"no promtool here: {WHERE_FROM}")


def cases(kind: str) -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in CASE_FILES]
    return [case for file in files for test in file["tests"] for case in test.get(kind, [])]


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    assert PROMTOOL
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=60)


@needs_promtool
def test_the_configuration_is_good():
    answer = promtool("check", "config", "--lint=all", ROOT / "deploy/prometheus/prometheus.yml")
    assert answer.returncode == 0, answer.stderr
    assert f"{len(RULE_FILES)} rule files found" in answer.stdout


@needs_promtool
@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_rules_do_what_they_say(path):
    answer = promtool("test", "rules", path)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_alert_is_seen_to_fire_and_not_to():
    seen: dict[str, set[bool]] = {}
    for case in cases("alert_rule_test"):
        seen.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    both = {name for name, answers in seen.items() if answers == {True, False}}
    assert both == {rule["alert"] for rule in rules() if "alert" in rule}


def test_every_recording_rule_has_an_expected_value():
    expressions = " ".join(case["expr"] for case in cases("promql_expr_test"))
    for rule in rules():
        if "record" in rule:
            assert rule["record"] in expressions, rule["record"]


def test_every_alert_says_what_is_wrong_and_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert set(rule["annotations"]) == {"summary", "description"}
