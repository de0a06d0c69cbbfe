"""The training loop on a tiny network: resuming, stopping, budgets, patience, teachers."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import training.train
from shared.errors import DataError
from training.augment import CLEAN, Augmentation
from training.checkpoint import load
from training.log import read_log
from training.outcome import load_trained
from training.prepare import prepare
from training.recipe import Recipe, standard_stages
from training.setting import Setting
from training.teacher import load_teacher
from training.train import Trainer

pytestmark = pytest.mark.usefixtures("tiny_backbone")


def quick(faces, out, epochs=2, **changes):
    """A setting for a run of a few steps at 32 pixels."""
    prepared = prepare(faces, 48, None, 1)
    recipe = Recipe(standard_stages(epochs, 0, 0, (32, 32)), batch_size=8, average_decay=0.8)
    setting = Setting(prepared.train, prepared.validation, recipe, out, backbone="tiny", seed=3)
    return replace(setting, **changes)


def quiet():
    """A console that writes nowhere."""
    with open(os.devnull, "w") as nowhere:
        return Console(file=nowhere, quiet=True)


def test_a_resumed_run_ends_as_one_that_never_stopped(faces, tmp_path, monkeypatch):
    whole = quick(faces, tmp_path / "whole")
    Trainer(whole, quiet()).run()
    parts = replace(whole, out=tmp_path / "parts")
    with monkeypatch.context() as patched:
        stop_after(patched, epochs=2)
        Trainer(parts, quiet()).run()
    assert load(parts.out / "last.npz").progress.step < load(whole.out / "last.npz").progress.step
    Trainer(parts, quiet()).run(resume=True)
    ours, theirs = load(parts.out / "last.npz"), load(whole.out / "last.npz")
    assert ours.progress.step == theirs.progress.step
    for a, b in zip(ours.groups["weights"], theirs.groups["weights"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def stop_after(patched, epochs):
    """Have Ctrl-C come when so many epochs are done."""
    original = training.train.RunLog.epoch
    done = []

    def count(self, row):
        original(self, row)
        done.append(row)
        if len(done) == epochs:
            os.kill(os.getpid(), signal.SIGINT)

    patched.setattr(training.train.RunLog, "epoch", count)


def test_another_recipe_is_not_resumed(faces, tmp_path):
    setting = quick(faces, tmp_path / "run", epochs=1)
    Trainer(setting, quiet()).run()
    with pytest.raises(DataError, match="another recipe or seed"):
        Trainer(replace(setting, seed=9), quiet()).run(resume=True)


def test_a_budget_ends_the_run_in_time(faces, tmp_path):
    setting = quick(faces, tmp_path / "run", epochs=500, budget_seconds=3.0)
    Trainer(setting, quiet()).run()
    assert load(setting.out / "last.npz").progress.stage == 2


def test_the_loss_falls(faces, tmp_path):
    setting = quick(faces, tmp_path / "run", epochs=12, augmentation=CLEAN)
    Trainer(setting, quiet()).run()
    losses = [float(row["loss"]) for row in read_log(setting.out / "log.csv")]
    assert losses[-1] < losses[0] - 0.05


def test_a_run_goes_on_from_an_earlier_one(faces, tmp_path):
    first = quick(faces, tmp_path / "first")
    Trainer(first, quiet()).run()
    second = Trainer(replace(first, out=tmp_path / "second", begin_with=first.out), quiet())
    for ours, theirs in zip(second.weights(), load_trained(first.out).weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(DataError, match="another backbone"):
        Trainer(replace(first, backbone="mobilenetv2", begin_with=first.out), quiet())


def test_patience_ends_the_run(faces, tmp_path):
    setting = quick(faces, tmp_path / "run", epochs=40)
    setting = replace(setting, recipe=Recipe(setting.recipe.stages, batch_size=8, patience=2))
    Trainer(setting, quiet()).run()
    assert len(read_log(setting.out / "log.csv")) < 41


def test_distillation_and_balancing_train(faces, tmp_path):
    Trainer(quick(faces, tmp_path / "teacher", epochs=1), quiet()).run()
    teacher = load_teacher([tmp_path / "teacher"], ("closed", "open"))
    setting = quick(faces, tmp_path / "run", epochs=1, teacher=teacher)
    recipe = Recipe(setting.recipe.stages, batch_size=8, class_weight_power=0.5, logit_adjustment=1.0)
    best = Trainer(replace(setting, recipe=recipe, augmentation=Augmentation()), quiet()).run()
    assert best.classes == ("closed", "open")


def test_too_few_pictures_for_a_batch(faces, tmp_path):
    setting = quick(faces, tmp_path)
    with pytest.raises(DataError, match="do not fill one batch of 64"):
        Trainer(replace(setting, recipe=replace_batch(setting.recipe, 64)), quiet())


def replace_batch(recipe, size):
    return Recipe(recipe.stages, batch_size=size)
