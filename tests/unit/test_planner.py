"""Plans by hand-computed cases, coefficients in and out of files, and the fit behind them."""

import json
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner

from services.bench.calibrate import Measured, coefficients_of
from services.bench.fit import fit
from services.cli.__main__ import app
from services.planner import coefficients as kept
from services.planner.coefficients import (
    Coefficients,
    Cost,
    Costs,
    Jpeg,
    read_coefficients,
    write_coefficients,
)
from services.planner.formulas import Load
from services.planner.plan import make_plan, shard_sizes, shards_of
from shared.config import Settings
from shared.errors import ConfigError

COSTS = Costs(
    capture=Cost(1.0, 0.0, 4.0, 100.0),
    broker=Cost(0.5, 0.0, 10.0, 50.0),
    detector=Cost(4.0, 1.0, 5.0, 150.0),
    classifier=Cost(1.0, 2.0, 5.0, 120.0),
    recorder=Cost(0.4, 0.1, 5.0, 100.0),
    redis=Cost(0.1, 0.05, 5.0, 10.0),
    dashboard=Cost(0.0, 0.0, 20.0, 70.0),
    supervisor=Cost(0.0, 0.0, 10.0, 50.0),
)
COEFFICIENTS = Coefficients(
    machine="a test, 2 cores",
    measured_at="2026-11-24",
    detector="yunet-onnx-320",
    width=640,
    height=480,
    costs=COSTS,
    skipped_frame_ms=0.5,
    spread=0.1,
    jpeg=Jpeg(10.0, 5.0, 0.25),
)


def test_a_small_plan_is_what_a_hand_computes() -> None:
    plan = make_plan(Load(cameras=10, fps=10, faces=2), COEFFICIENTS)
    assert plan.need("frames") == 100
    assert plan.need("faces") == 200
    assert plan.need("shards") == 1
    assert plan.need("detectors") == 1  # 100 * (4 + 2 * 1) = 600 ms of the 700 there may be
    assert plan.need("classifiers") == 1  # 500 ms
    assert plan.need("capture cores") == pytest.approx((100 * 1.0 + 11 * 4) / 1000)
    busy = 0.144 + 0.06 + 0.605 + 0.505 + 0.065 + 0.025 + 0.02 + 0.01
    assert sum(line.value for line in plan.lines if line.name.endswith(" cores")) == pytest.approx(busy)
    assert plan.need("cores") == 3  # 1.434 / 0.7 = 2.05
    assert plan.need("machines") == 1
    assert plan.need("memory") == pytest.approx((11 * 100 + 50 + 150 + 120 + 100 + 70 + 50) / 1000)
    assert plan.need("Redis memory, results") == pytest.approx(100 * 3600 * 1400 / 1e9)
    assert plan.need("Redis memory, counts") == pytest.approx(10 * 43_200 * 400 / 1e9)
    assert not [line for line in plan.lines if line.name.startswith("network")]


def test_beyond_one_machine_frames_travel_as_jpeg_and_cost_that_too() -> None:
    plan = make_plan(Load(cameras=500, fps=10, faces=3, machine_cores=16), COEFFICIENTS)
    assert plan.as_jpeg
    assert plan.costs.capture.frame_ms == pytest.approx(1.0 + 10 * 0.3072)
    assert plan.costs.detector.frame_ms == pytest.approx(4.0 + 5 * 0.3072)
    assert plan.need("shards") == 4  # 5,000 * 0.5 ms = 2.5 s of broker, 0.7 s each
    assert plan.need("cameras of a shard") == 125
    assert plan.need("detectors") == 4 * 16  # ⌈1250 * 8.536 / 700⌉ = ⌈15.24⌉
    assert plan.need("classifiers") == 4 * 13  # ⌈1250 * 7 / 700⌉ = ⌈12.5⌉
    assert plan.need("network, cameras to brokers") == pytest.approx(5000 * 76_800 * 8 / 1e6)
    assert plan.need("network, into each broker, and out") == pytest.approx(
        1250 * (76_800 + 3 * 9216 + 2 * 1900) * 8 / 1e6
    )


def test_256_cameras_are_one_shard_and_257_are_two() -> None:
    shards = [make_plan(Load(n, fps=0.1, faces=0), COEFFICIENTS).need("shards") for n in (256, 257)]
    assert shards == [1, 2]


def test_exactly_full_workers_are_not_one_more() -> None:
    plan = make_plan(Load(cameras=35, fps=10, faces=0), COEFFICIENTS)
    assert plan.need("detectors") == 2  # 350 * 4 = 1,400 = 2 * 700


def test_each_line_shows_its_formula_with_the_numbers_put_in() -> None:
    plan = make_plan(Load(cameras=10, fps=10, faces=2), COEFFICIENTS)
    line = next(line for line in plan.lines if line.name == "detectors")
    assert line.formula == "shards * ⌈frames * (ms + faces * ms a face) / (1000 * 0.7)⌉"
    assert line.numbers == "1 * ⌈100 * (4 + 2 * 1) / 700⌉"


def test_with_gpus_there_is_one_a_classifier_and_none_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"without a GPU.*--gpu-faces"):
        make_plan(Load(4, 10, gpu=True), COEFFICIENTS)
    with_gpu = structs.replace(COEFFICIENTS, gpu="a GPU")
    with pytest.raises(ConfigError, match="give --gpu"):
        make_plan(Load(4, 10), with_gpu)
    plan = make_plan(Load(100, 10, faces=2, gpu=True), with_gpu)
    assert plan.need("GPUs") == plan.need("classifiers") == 8  # ⌈1000 * 5 / 700⌉


def test_shards_differ_by_one_camera_at_most_and_hold_all() -> None:
    assert shard_sizes(500, 3) == {167: 2, 166: 1}
    assert shard_sizes(10_000, 40) == {250: 40}
    plan = make_plan(Load(cameras=500, fps=10, faces=3), COEFFICIENTS)
    shards = shards_of(plan, COEFFICIENTS, Settings(), classifiers=1)
    assert sum(shard.cameras * count for shard, count in shards.items()) == 500
    assert {(shard.detectors, shard.classifiers) for shard in shards} == {(16, 1)}


def test_coefficients_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = write_coefficients(COEFFICIENTS, tmp_path / "mine.json")
    assert read_coefficients(path) == (COEFFICIENTS, False)


def test_coefficients_say_what_else_was_running() -> None:
    assert "beside" not in COEFFICIENTS.source
    assert "beside other programs on 0.6 cores" in structs.replace(COEFFICIENTS, others=0.6).source


def test_own_coefficients_come_before_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache" / "mine.json")
    monkeypatch.setattr(kept, "SHIPPED", write_coefficients(COEFFICIENTS, tmp_path / "shipped.json"))
    assert read_coefficients() == (COEFFICIENTS, True)
    mine = structs.replace(COEFFICIENTS, machine="mine")
    assert write_coefficients(mine) == tmp_path / "cache" / "mine.json"
    assert read_coefficients() == (mine, False)


def test_the_shipped_coefficients_are_whole_and_name_their_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path / "none.json")
    found, shipped = read_coefficients()
    assert shipped
    assert "cores" in found.machine
    assert all(cost.frame_ms > 0 for cost in (found.costs.capture, found.costs.broker, found.costs.detector))
    assert found.costs.classifier.face_ms > 0
    assert make_plan(Load(cameras=500, fps=10, faces=3), found).need("shards") >= 2


@pytest.mark.parametrize("content", [b"{}", b"no JSON", b"\xff"])
def test_a_file_with_something_else_is_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.json.*--calibrate"):
        read_coefficients(tmp_path / "x.json")
    with pytest.raises(ConfigError, match=r"can't read.*none\.json"):
        read_coefficients(tmp_path / "none.json")


def test_the_fit_finds_what_the_rows_were_made_of_and_nothing_negative() -> None:
    rows = [(30, 30, 6), (300, 300, 6), (200, 700, 6), (800, 800, 6)]
    totals = [0.004 * frames + 0.001 * faces + 0.005 * seconds for frames, faces, seconds in rows]
    assert fit(rows, totals) == pytest.approx([0.004, 0.001, 0.005])
    assert fit([(1, 1), (2, 1), (3, 1)], [1.0, 1.9, 3.1])[1] >= 0
    assert fit([(1, 1), (2, 1)], [1.0, 3.0]) == pytest.approx([15 / 13, 0.0])


def measured(cameras: int, frames: int, faces: int, skipped: int) -> Measured:
    """Return a stage of 5 s where all cost what COSTS says, and a skipped frame 0.5 ms."""
    processes = dict.fromkeys(Costs.__struct_fields__, 1) | {"capture": 1 + cameras}
    cpu = {
        name: (frames * cost.frame_ms + faces * cost.face_ms + processes[name] * 5 * cost.idle_ms) / 1000
        for name in Costs.__struct_fields__
        if (cost := COSTS.of(name))
    }
    cpu["capture"] += skipped * 0.5 / 1000
    memory = {name: processes[name] * COSTS.of(name).memory_mb for name in processes}
    return Measured(5.0, frames, faces, frames + skipped, cpu, processes, memory, 0.1, "cpu")


def test_calibration_takes_apart_what_frames_faces_and_idling_cost() -> None:
    stages = [
        measured(1, 25, 25, 0),
        measured(4, 240, 240, 0),
        measured(4, 160, 500, 0),
        measured(4, 600, 600, 900),
    ]
    found = coefficients_of(stages, "yunet-onnx-320", Jpeg(10.0, 5.0, 0.25))
    for name in Costs.__struct_fields__:
        got, wanted = found.costs.of(name), COSTS.of(name)
        assert got.frame_ms == pytest.approx(wanted.frame_ms, abs=1e-3), name
        assert got.face_ms == pytest.approx(wanted.face_ms, abs=1e-3), name
        assert got.idle_ms == pytest.approx(wanted.idle_ms, abs=1e-2), name
        assert got.memory_mb == wanted.memory_mb
    assert found.skipped_frame_ms == pytest.approx(0.5, abs=1e-3)


def test_the_command_prints_plan_and_simulation_as_json(tmp_path: Path) -> None:
    path = write_coefficients(COEFFICIENTS, tmp_path / "mine.json")
    wanted = ["plan", "--cameras", "3", "--fps", "10", "--json", "--coefficients", str(path)]
    ended = CliRunner().invoke(app, [*wanted, "--simulate", "--seconds", "2"])
    assert ended.exit_code == 0, ended.output
    said = json.loads(ended.stdout)
    assert said["needs"]["frames"] == 30
    assert said["coefficients"]["machine"] == "a test, 2 cores"
    assert not said["coefficients"]["shipped"]
    assert said["simulated"]["fates"] == {"recorded": said["simulated"]["offered"]}


def test_the_command_shows_formulas_and_says_whose_coefficients_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path / "none.json")
    monkeypatch.setattr(kept, "SHIPPED", write_coefficients(COEFFICIENTS, tmp_path / "shipped.json"))
    shown = CliRunner().invoke(app, ["plan", "--cameras", "10", "--fps", "10", "--faces", "2"]).output
    assert "1 * ⌈100 * (4 + 2 * 1) / 700⌉" in shown
    assert "NOT measured on this machine" in shown
    assert "a test, 2 cores" in shown
