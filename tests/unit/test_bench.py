"""The bench's parts without a stack: clips, percentiles, stages, drops, memory growth, options."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from services.bench.clip import make_clip
from services.bench.measure import CpuReading, Memory, Readings, dropped, percentiles, stage_milliseconds
from services.bench.stack import own_environment
from services.cli.bench import parse_counts, parse_size, parse_soak
from shared.config import load_settings
from shared.errors import ConfigError, SourceError
from shared.store import Store


def read_clip(path: Path) -> tuple[list[np.ndarray], float]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


def test_a_picture_becomes_a_moving_clip_of_the_size_asked_for(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "picture.png"), picture)
    frames, fps = read_clip(make_clip(tmp_path / "picture.png", (160, 96), 5.0, tmp_path))
    assert fps == pytest.approx(5.0)
    assert len(frames) == 40
    assert {frame.shape for frame in frames} == {(96, 160, 3)}
    assert np.abs(frames[0].astype(int) - frames[10].astype(int)).mean() > 5


def test_a_video_is_played_again_until_the_clip_is_full(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "short.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for value in (40, 80, 120, 160, 200):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    frames, _ = read_clip(make_clip(tmp_path / "short.mp4", (128, 96), 5.0, tmp_path))
    assert len(frames) == 40
    assert abs(float(frames[0].mean()) - float(frames[5].mean())) < 5
    assert abs(float(frames[0].mean()) - float(frames[3].mean())) > 60


def test_media_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(SourceError, match=r"notes\.png"):
        make_clip(tmp_path / "notes.png", (64, 64), 5.0, tmp_path)


def test_a_bench_keeps_to_itself_and_takes_only_how_the_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mien.yaml"
    file.write_text("detector: {min_face: 33}\nredis: {data_dir: theirs}\n")
    for name, value in {
        "MIEN_CONFIG": str(file),
        "MIEN_REDIS__URL": "redis://10.0.0.2",
        "MIEN_CAMERAS": '{"door": {"source": "0"}}',
        "MIEN_BUS__WORK": "tcp://10.0.0.3:1",
        "MIEN_CAPTURE__GROUP": "kitchen",
        "MIEN_BATCH__WAIT": "5ms",
        "ELSE": "stays",
    }.items():
        monkeypatch.setenv(name, value)
    overrides: dict[str, Any] = {"detector": {"width": 320}, "scale": {"classifiers": 2}}
    environment = own_environment(load_settings(**overrides), tmp_path / "run", overrides)
    assert environment["ELSE"] == "stays"
    assert {name: value for name, value in environment.items() if name.startswith("MIEN_")} == {
        "MIEN_RUN_DIR": str(tmp_path / "run"),
        "MIEN_DASHBOARD__PORT": "0",
        "MIEN_SCALE__CLASSIFIERS": "2",
        "MIEN_DETECTOR__WIDTH": "320",
        "MIEN_DETECTOR__MIN_FACE": "33",
        "MIEN_BATCH__WAIT": "0.005",
    }


class Written(Store):
    """A store that keeps only the newest result of a camera, as Redis does with short retention."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def results(self, camera: str, *_: Any, after: str | None = None, **__: Any) -> Iterator[dict[str, Any]]:
        return (result for result in self.kept if after is None or result["id"] > after)


def test_faces_are_counted_once_and_also_where_redis_keeps_no_result_to_the_end() -> None:
    store = Written()
    readings = Readings(store, ["hall"])
    for number in (1, 2, 3):
        captured_ns = number * 10**9
        ages = {"capture": float(number)}
        identity = f"{number}005-0"
        store.kept = [{"id": identity, "captured_ns": captured_ns, "faces": [{}, {}], "ages_ms": ages}]
        readings.take()
        readings.take()
    figures = readings.figures(2 * 10**9, 3 * 10**9)
    assert figures["faces_recorded"] == 6
    assert figures["latency_ms"]["p50"] == 5.5
    assert figures["stage_ms"]["capture"]["p50"] == 2.0


def test_percentiles_of_nothing_are_zero() -> None:
    assert percentiles([], (50, 95)) == {"p50": 0.0, "p95": 0.0}
    assert percentiles(range(101), (50, 95)) == {"p50": 50.0, "p95": 95.0}


def test_stages_are_differences_of_ages() -> None:
    results = [{"ages_ms": {"capture": 1.0, "frames_queue": 3.0, "detect": 9.0, "results_queue": 10.0}}]
    stages = stage_milliseconds(results)
    assert {name: values["p50"] for name, values in stages.items()} == {
        "capture": 1.0,
        "frames_queue": 2.0,
        "detect": 6.0,
        "results_queue": 1.0,
    }


def test_dropped_counts_reasons_over_cameras() -> None:
    ledgers = [
        {"captured": 10, "recorded": 7, "in_flight": 0, "overtaken": 3, "stale": 0},
        {"captured": 5, "recorded": 4, "in_flight": 0, "overtaken": 1},
    ]
    assert dropped(ledgers) == {"overtaken": 4}


def test_processor_time_is_that_of_processes_and_their_successors() -> None:
    before = CpuReading({("detector", 1): 2.0, ("broker", 2): 1.0})
    after = CpuReading({("detector", 1): 3.0, ("detector", 9): 0.5, ("broker", 2): 1.25})
    assert after.since(before) == {"detector": 1.5, "broker": 0.25}


def test_growth_is_measured_after_the_first_minute() -> None:
    memory = Memory()
    memory._samples = [
        (float(second), {"broker": 500.0 if second < 60 else 100.0 + second / 60}) for second in range(360)
    ]
    assert memory.growth()["broker"] == pytest.approx(0.044, abs=0.003)


def test_growth_of_a_short_run_is_not_told() -> None:
    memory = Memory()
    memory._samples = [(0.0, {"broker": 1.0}), (1.0, {"broker": 2.0})]
    assert memory.growth() == {}


@pytest.mark.parametrize("text", ["640", "640x", "axb", "63x480", "640x481", "8000x480"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--size"):
        parse_size(text)


def test_a_size_is_width_by_height() -> None:
    parsed: Any = parse_size("640x480")
    assert parsed == (640, 480)


@pytest.mark.parametrize("text", ["10min", "long", "0", "-5", "inf", "nan"])
def test_a_soak_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--soak"):
        parse_soak(text)


def test_a_soak_is_a_duration() -> None:
    assert parse_soak("10m") == 600


@pytest.mark.parametrize("text", ["0,1", "1,-2", "1,65", "1,,2", "two"])
def test_numbers_of_classifiers_that_cannot_run_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--scaling"):
        parse_counts(text)


def test_numbers_of_classifiers_are_separated_by_commas() -> None:
    assert parse_counts("1,2,4") == [1, 2, 4]
