"""What a person sees: one line for a mistake, help for every command, faces not found."""

import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from shared.vision.faces import FoundFace
from tests.artefacts import make_artefact
from training import faces
from training.__main__ import app
from training.evaluate import evaluate

COMMANDS = (
    "train",
    "compare",
    "soup",
    "framing",
    "evaluate",
    "export",
    "describe",
    "robustness",
    "benchmark",
)
LANDMARKS = (20.0, 20.0, 40.0, 20.0, 30.0, 30.0, 22.0, 40.0, 38.0, 40.0)


def call(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments], capture_output=True, text=True, check=False
    )


def test_a_mistake_is_one_line_and_code_2(tmp_path):
    done = call("evaluate", "--data", str(tmp_path), "--model", str(tmp_path / "absent"))
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "is no model folder" in last
    assert "Traceback" not in done.stderr


def test_train_compare_is_a_command_of_its_own():
    done = call("train", "compare", "--help")
    assert done.returncode == 0
    assert "several backbones" in done.stdout


@pytest.mark.parametrize("command", ["evaluate", "robustness", "benchmark"])
def test_help_says_which_model_is_meant_and_not_where_it_lies_here(command):
    words = " ".join(CliRunner().invoke(app, [command, "--help"]).output.replace("│", " ").split())
    assert "the one that ships" in words
    assert "services/classifier" not in words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "--" in result.output


class Half:
    """A detector that finds a face in every bright picture."""

    def detect(self, frame):
        assert frame.shape[1] >= faces.SMALLEST
        return [FoundFace((8.0, 8.0, 40.0, 48.0), 0.9, LANDMARKS)] if frame.mean() > 100 else []


def test_faces_not_found_count_apart_and_as_wrong(tmp_path, monkeypatch):
    import cv2

    monkeypatch.setattr(faces, "load_detector", lambda settings: Half())
    artefact = make_artefact(tmp_path / "model")
    for name, grey in (("bright", 250), ("dark", 10), ("neither", 128)):
        (tmp_path / "data" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / name / "a.png"), np.full((48, 48), grey, np.uint8))
    found = evaluate(artefact, tmp_path / "data", detect=True, rounds=20)
    assert found.missed == (1,)
    assert len(found.pictures) == 2
    name = "model_int8.tflite"
    assert found.accuracy_with_missed(name) == pytest.approx(found.metrics[name].accuracy * 2 / 3)
