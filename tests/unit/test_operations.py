"""The operations guide says what to do about every alert and every way in which a frame can end."""

from pathlib import Path

import yaml

from shared.messages import Outcome

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text()


def test_every_alert_is_explained():
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules" / "alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    explained = {line.split("`")[1] for line in GUIDE.splitlines() if line.startswith("| `Mien")}
    assert explained == alerts


def test_every_outcome_is_explained():
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in GUIDE] == []
