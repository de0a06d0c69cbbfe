"""A frame that crashes every detector is dropped after the second death; all others are recorded."""

import os
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.config import CameraSettings, RedisSettings, environment_overrides
from shared.store import Store
from tests.chaos.crashing_detector import POISON_WIDTH
from tests.chaos.processes import kept_alive
from tests.valkey import start_valkey
from tests.waiting import wait_for

PICTURES = 9
POISON = 4


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(1, PICTURES + 1):
        width = POISON_WIDTH if number == POISON else 64
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.full((48, width, 3), 40 + number, np.uint8))
    return folder


def test_a_poison_frame_is_dropped_after_two_deaths(tmp_path: Path, pictures: Path) -> None:
    run_dir = tmp_path / "r"
    run_dir.mkdir()
    with ExitStack() as running:
        url = running.enter_context(start_valkey(run_dir))
        settings = {
            "run_dir": run_dir,
            "redis": {"url": url},
            "metrics": {"port": 0},
            "classifier": {"backend": "sleep"},
        }
        environment = {**os.environ, **environment_overrides(**settings)}
        for module in ("services.broker", "services.recorder", "services.classifier", "services.capture"):
            running.enter_context(kept_alive(module, environment))
        deaths = running.enter_context(kept_alive("tests.chaos.crashing_detector", environment))
        store = Store(RedisSettings(url=url), run_dir)
        running.callback(store.close)
        store.put_camera("film", CameraSettings(source=str(pictures)))
        wait_for(lambda: store.cursor("film").ended, "the end of the recorded camera", 60.0)
        ledger = store.ledger("film")
        assert (ledger["captured"], ledger["in_flight"]) == (PICTURES, 0)
        assert ledger["poison"] == 1
        assert ledger["recorded"] == PICTURES - 1
        sequences = [result["sequence"] for result in store.results("film")]
        assert sequences == [n for n in range(1, PICTURES + 1) if n != POISON]
        assert len(deaths) == 2
