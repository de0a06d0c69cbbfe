"""Robustness, benchmark and contest: what they measure is what they say."""

import cv2
import numpy as np
import pytest
from rich.console import Console

from shared.errors import DataError
from tests.artefacts import make_artefact
from training.augment import CLEAN
from training.benchmark import benchmark, timing_table
from training.contest import contest, contest_table, draw_contest
from training.corrupt import CORRUPTIONS, SIDE, enlarged, spoiled
from training.prepare import prepare
from training.recipe import Recipe, standard_stages
from training.robustness import empty_crops, robustness, robustness_table, squares
from training.setting import Setting


def test_every_corruption_changes_a_crop_and_keeps_its_form():
    crops = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE)).astype(np.uint8)
    for corruption in CORRUPTIONS:
        changed = spoiled(crops, corruption)
        assert changed.shape == crops.shape
        assert changed.dtype == np.uint8
        assert np.abs(changed.astype(int) - crops).mean() > 1


def test_the_strong_one_of_a_pair_does_more():
    ramp = enlarged(np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)[None] * 2)
    for mild, strong in zip(CORRUPTIONS[::2], CORRUPTIONS[1::2], strict=True):
        costs = [np.abs(spoiled(ramp, each).astype(int) - ramp).mean() for each in (mild, strong)]
        assert costs[1] > costs[0], mild.name


def test_robustness_of_a_network_that_reads_brightness(tmp_path):
    artefact = make_artefact(tmp_path / "model")
    for name, grey in (("bright", 250), ("dark", 10), ("neither", 128)):
        (tmp_path / "data" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / name / "a.png"), np.full((48, 48), grey, np.uint8))
    cv2.imwrite(str(tmp_path / "data" / "dark" / "wide.png"), np.zeros((60, 200), np.uint8))
    dark = tmp_path / "data" / "dark"
    found = robustness(artefact, tmp_path / "data", "model_int8.tflite", [dark, dark])
    darkest = next(cost for cost in found.costs if cost.name == "brightness times 0.4")
    assert darkest.accuracy <= found.clean
    assert [name for name, _ in found.uncertain_without_face] == [*empty_crops(2), "dark", "dark"]
    assert robustness_table(found).row_count == 1 + len(CORRUPTIONS) + 6


def test_squares_show_parts_of_every_picture_and_an_empty_folder_is_named(tmp_path):
    for grey in (50, 150, 250):
        cv2.imwrite(str(tmp_path / f"{grey}.png"), np.full((90, 200), grey, np.uint8))
    shown = squares(tmp_path, count=6)
    assert shown.shape == (6, SIDE, SIDE)
    assert sorted(set(shown.mean((1, 2)))) == [50, 150, 250]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no picture that can be read"):
        squares(tmp_path / "empty")


def test_a_benchmark_times_each_file(tmp_path):
    timings = benchmark(make_artefact(tmp_path), rounds=3)
    assert [(timing.file, timing.batch) for timing in timings] == [
        ("model_int8.tflite", 1),
        ("model_int8.tflite", 16),
    ]
    assert all(timing.milliseconds > 0 for timing in timings)
    assert timing_table(timings).row_count == 2


def test_a_contest_trains_and_weighs(faces, tmp_path, tiny_backbone):
    prepared = prepare(faces, 48, None, 1)
    recipe = Recipe(standard_stages(1, 0, 0, (32, 32)), batch_size=8)
    setting = Setting(prepared.train, prepared.validation, recipe, tmp_path, augmentation=CLEAN)
    entries = contest(setting, ["tiny"], "none", Console(quiet=True))
    assert [entry.backbone for entry in entries] == ["tiny"]
    assert entries[0].parameters == 3 * 3 * 3 * 4 + 4 + 16 + 4 * 9 * 8 + 8 + 32 + 9 * 2
    assert all(0 <= entry.accuracy <= 1 and entry.milliseconds > 0 for entry in entries)
    assert contest_table(entries).row_count == 1
    draw_contest(entries, tmp_path / "compare.png")
    assert (tmp_path / "compare.png").stat().st_size > 1000
