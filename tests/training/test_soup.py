"""A soup: the mean of several runs' weights, with batch norms of its own; unlike networks do not mix."""

import keras
import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from shared.errors import DataError
from training.__main__ import app
from training.augment import clean_batches
from training.backbones import find_backbone
from training.batchnorm import batch_norms
from training.data import load_split
from training.export import order_from_run
from training.model import build_classifier, rebuilt
from training.outcome import Best, Trained, keep, load_trained
from training.recipe import Recipe
from training.soup import load_members, soup

ABOUT = Best("tiny", ("closed", "open"), 32, 48, 0.5, 0.5, "stage final, epoch 1", 0, 7, Recipe(()))


@pytest.fixture
def runs(tiny_backbone, tmp_path):
    """The folders of two runs with weights of their own, and those weights."""
    folders = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        weights = build_classifier(find_backbone("tiny"), 2).network.get_weights()
        folders.append(tmp_path / str(seed))
        folders[-1].mkdir()
        keep(folders[-1], Trained(replace(ABOUT, seed=seed), weights))
    return folders


def test_kernels_are_the_mean_and_batch_norms_are_estimated_anew(runs, faces):
    train, _ = load_split(faces / "train", ABOUT.classes, ABOUT.native_size)
    validation, _ = load_split(faces / "validation", ABOUT.classes, ABOUT.native_size)
    members = load_members(runs)
    assert [member.about.seed for member in members] == [1, 2]
    found, parts = soup(members, train, validation), [member.weights for member in members]
    assert found.about.origin == "soup of seeds 1, 2"
    network = rebuilt(found)
    moving = {id(value) for norm in batch_norms(network) for value in norm.non_trainable_weights}
    for weight, value, one, other in zip(network.weights, found.weights, *parts, strict=True):
        if id(weight) not in moving:
            np.testing.assert_allclose(value, (one + other) / 2, rtol=1e-6)
    (clean,) = clean_batches(train.images, 1, batch_size=len(train), size=32)
    trunk = network.get_layer("trunk")
    seen = trunk.get_layer("conv_0")(clean.numpy().repeat(3, axis=-1) / 127.5 - 1).numpy().reshape(-1, 4)
    np.testing.assert_allclose(trunk.get_layer("norm_0").moving_mean.numpy(), seen.mean(0), atol=1e-3)


def test_a_soup_can_be_exported_and_says_what_is_in_it(runs, faces, tmp_path):
    arguments = [word for run in runs for word in ("--run", str(run))]
    result = CliRunner().invoke(
        app, ["soup", *arguments, "--data", str(faces), "--out", str(tmp_path / "soup")]
    )
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.output.splitlines()[-2:]] == ["soup", "written:"]
    texts = {"source": "", "licence": "", "provisional": "", "note": ""}
    order = order_from_run(tmp_path / "soup", faces, None, tmp_path / "model", texts)
    assert order.recipe["weights of"] == "soup of seeds 1, 2 (averaged)"
    found = load_trained(tmp_path / "soup")
    assert order.trained.about == found.about


def test_unlike_networks_do_not_mix(runs, faces, tmp_path):
    keep(runs[1], for_size(load_trained(runs[1]), 64))
    arguments = [word for run in runs for word in ("--run", str(run))]
    result = CliRunner().invoke(
        app, ["soup", *arguments, "--data", str(faces), "--out", str(tmp_path / "soup")]
    )
    assert isinstance(result.exception, DataError)
    assert "another network, size or classes" in str(result.exception)
    assert not (tmp_path / "soup").exists()


def for_size(trained, size):
    """`trained`, said to be for pictures of `size`."""
    return Trained(replace(trained.about, size=size), trained.weights)


def test_one_run_is_no_soup(runs, faces, tmp_path):
    result = CliRunner().invoke(
        app, ["soup", "--run", str(runs[0]), "--data", str(faces), "--out", str(tmp_path / "soup")]
    )
    assert isinstance(result.exception, DataError)
    assert "two or more" in str(result.exception)
