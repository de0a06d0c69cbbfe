"""mien.example.yaml names every setting with its default, and nothing else."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from shared.config import CameraSettings, Settings, WebhookSettings, load_settings

EXAMPLE = Path(__file__).parents[2] / "mien.example.yaml"
NOT_IN_FILES = {"config"}
"""Names the file itself."""
BY_NAME = {"cameras", "webhooks"}
"""Hold one branch for each name that a user gives."""


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and prefix + name not in BY_NAME:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def with_commented_settings() -> str:
    """Settings that are commented out have no space behind the `#` at the line's start, or two and a key."""
    return re.sub(r"^#(?=\S|  )", "", EXAMPLE.read_text(), flags=re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"PATH": "/usr/bin"})


def test_every_setting_is_in_it_and_no_other() -> None:
    values = yaml.safe_load(with_commented_settings())
    assert set(flat(values)) == set(keys_of(Settings)) - NOT_IN_FILES
    assert set(values["cameras"]["door"]) == set(CameraSettings.model_fields)
    assert set(values["webhooks"]["angry-at-door"]) == set(WebhookSettings.model_fields)


def test_its_values_are_the_defaults() -> None:
    given = load_settings(EXAMPLE).model_dump(exclude=NOT_IN_FILES)
    assert given == load_settings().model_dump(exclude=NOT_IN_FILES)


def test_it_is_valid_with_all_that_is_commented_out(tmp_path: Path) -> None:
    path = tmp_path / "mien.yaml"
    path.write_text(with_commented_settings())
    settings = load_settings(path)
    camera, webhook = settings.cameras["door"], settings.webhooks["angry-at-door"]
    assert camera == CameraSettings(source=camera.source)
    needed = {name: getattr(webhook, name) for name in ("url", "when", "emotion", "above")}
    assert webhook == WebhookSettings(**needed)


def test_every_setting_is_explained() -> None:
    """By a comment on its line or the one above; a few say it with their name and their branch's comment."""
    lines = with_commented_settings().splitlines()
    unexplained = [
        line.strip().split(":")[0]
        for above, line in pairwise(lines)
        if re.match(r"\s+\w+:\s*\S", line) and "#" not in line and not above.strip().startswith("#")
    ]
    assert unexplained == ["detectors", "classifiers", "recorders", "host"]
