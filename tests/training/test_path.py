"""The whole path at 32 pixels: train, evaluate, export, serve; and what a person is told on the way."""

import csv
import json
import shutil

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from msgspec.structs import replace
from typer.testing import CliRunner

from shared.artefact import load_artefact
from shared.errors import ArtefactError, DataError, MienError
from shared.vision.predict import Predictor
from training import fer2013
from training.__main__ import app
from training.card import SEE_FILE, licence_text, model_card
from training.checkpoint import load
from training.convert import check_input, to_int8
from training.data import load_split
from training.export import calibration_pictures, export, order_from_run
from training.log import read_log
from training.outcome import load_trained
from training.prepare import prepare
from training.serving import serving_model

TEXTS = {"source": "drawn faces", "licence": "Apache-2.0", "provisional": "", "note": "a test"}


@pytest.fixture(scope="session")
def artefact(finished_run, trained_faces, tmp_path_factory):
    """The finished run, exported."""
    out = tmp_path_factory.mktemp("models") / "drawn-faces"
    return export(order_from_run(finished_run, trained_faces, None, out, TEXTS))


def test_a_run_leaves_log_curves_report_and_weights(finished_run):
    rows = read_log(finished_run / "log.csv")
    assert [row["stage"] for row in rows] == ["head", "small", "small", "small", "final"]
    assert all(0 <= float(row["accuracy"]) <= 1 for row in rows)
    assert (finished_run / "curves.png").stat().st_size > 1000
    assert json.loads((finished_run / "data.json").read_text())["used"] == {"closed": 64, "open": 64}
    assert list((finished_run / "tensorboard").iterdir())


def test_raw_and_averaged_weights_differ_and_both_are_validated(finished_run):
    snapshot = load(finished_run / "last.npz")
    average = snapshot.groups["average"]
    pairs = zip(snapshot.groups["weights"], average, strict=True)
    assert any(np.abs(raw - mean).max() > 1e-5 for raw, mean in pairs)
    assert {"raw_accuracy", "accuracy"} <= set(read_log(finished_run / "log.csv")[0])


def test_the_best_epoch_by_validation_is_kept(finished_run):
    best = load_trained(finished_run).about
    assert best.accuracy >= max(float(row["accuracy"]) for row in read_log(finished_run / "log.csv")) - 1e-6


def test_the_exported_files_agree(artefact):
    files = artefact.card.files
    assert list(files) == ["model.keras", "model.tflite", "model_int8.tflite"]
    assert files["model.tflite"].parity.largest_difference <= 1e-4
    assert files["model_int8.tflite"].parity.largest_sum_error <= 1e-5
    assert files["model_int8.tflite"].bytes < files["model.tflite"].bytes / 2
    assert {"CARD.md", "MODEL_LICENSE"} <= {path.name for path in artefact.path.iterdir()}


def test_card_and_licence_speak_of_the_pictures_that_were_used(artefact):
    card, licence = ((artefact.path / name).read_text() for name in ("CARD.md", "MODEL_LICENSE"))
    assert "drawn faces" in card
    assert "drawn faces" in licence
    assert "2. Apache-2.0" in licence
    assert "FER2013" not in card + licence
    silent = replace(artefact.card, licence=SEE_FILE)
    assert "No terms were given" in licence_text(silent)
    known = replace(artefact.card, data={"source": fer2013.SOURCE})
    assert "no grant of rights" in licence_text(known)
    assert "`disgust` has 436" in model_card(known)


def test_fer2013_is_known_by_its_name(finished_run, trained_faces, tmp_path):
    order = order_from_run(finished_run, trained_faces, None, tmp_path, {**TEXTS, "source": "fer2013"})
    assert order.data["source"] == fer2013.SOURCE


def kernels(path):
    """Every convolution kernel of a LiteRT file in order, as float32, scales applied."""
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate would take the kernels away
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    found = []
    for operation in interpreter._get_ops_details():
        if operation["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            details = interpreter._get_tensor_details(operation["inputs"][1], 0)
            values = interpreter.get_tensor(operation["inputs"][1]).astype(np.float32)
            scaling = details["quantization_parameters"]
            if len(scaling["scales"]):
                shape = [1] * values.ndim
                shape[scaling["quantized_dimension"]] = -1
                values = values * scaling["scales"].reshape(shape)
            found.append(values)
    return found


def test_the_float_and_the_int8_file_share_their_kernels(artefact):
    as_float, as_int8 = (kernels(artefact.file(name)) for name in ("model.tflite", "model_int8.tflite"))
    assert len(as_float) == 52
    for wide, narrow in zip(as_float, as_int8, strict=True):
        assert wide.shape == narrow.shape
        assert np.abs(wide - narrow).max() <= 1e-5 * np.abs(wide).max()


@pytest.mark.parametrize("name", ["model.tflite", "model_int8.tflite"])
def test_the_services_predictor_serves_it(artefact, trained_faces, name):
    pictures, _ = load_split(trained_faces / "validation", ("closed", "open"), 48)
    crops = pictures.images.repeat(2, axis=1).repeat(2, axis=2)
    probabilities = Predictor(artefact, name, 1).predict(crops)
    assert probabilities.shape == (32, 2)
    right = float((probabilities.argmax(1) == pictures.labels).mean())
    assert right == pytest.approx(artefact.card.files[name].metrics.accuracy, abs=1e-6)


def test_calibration_pictures_are_black_white_and_even_over_classes(trained_faces):
    train = prepare(trained_faces, 48, None, 1).train
    pictures = calibration_pictures(train, 48, 32, 0)
    assert pictures.shape == (2 + 128, 32, 32, 1)
    assert pictures[0].max() == 0
    assert pictures[1].min() == 255


def test_an_input_that_is_not_taken_as_it_is_fails_the_export(finished_run):
    served = serving_model(load_trained(finished_run), 1.0, dtype="float32")
    dull = np.random.default_rng(1).integers(60, 120, (4, 32, 32, 1)).astype(np.uint8)
    with pytest.raises(ArtefactError, match="pure black and pure white"):
        to_int8(served, dull)


def test_a_float_file_takes_uint8(artefact):
    check_input(artefact.file("model.tflite").read_bytes())


def test_evaluation_reports_all_files(artefact, trained_faces, tmp_path):
    out, figures, table = tmp_path / "report", tmp_path / "f.json", tmp_path / "p.csv"
    arguments = ["evaluate", "--data", str(trained_faces), "--model", str(artefact.path), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--json", str(figures), "--predictions", str(table)])
    assert result.exit_code == 0, result.output
    content = json.loads(figures.read_text())["files"]
    assert set(content) == {"model.keras", "model.tflite", "model_int8.tflite"}
    wanted = {"accuracy", "macro_f1", "ece", "certain_share", "certain_accuracy", "per_class"}
    assert wanted <= set(content["model_int8.tflite"])
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 32
    right = sum(row["true"] == row["model_int8.tflite label"] for row in rows) / 32
    assert right == pytest.approx(content["model_int8.tflite"]["accuracy"])
    names = {path.name for path in out.iterdir()}
    assert names == {"evaluation.md", "confusion.png", "reliability.png", "mistakes.png"}


def test_evaluation_without_the_classes_folders(artefact, tmp_path):
    with pytest.raises(DataError, match="has no folders closed, open"):
        CliRunner().invoke(
            app, ["evaluate", "--data", str(tmp_path), "--model", str(artefact.path)], catch_exceptions=False
        )


def test_an_altered_artefact_is_refused(artefact, trained_faces, tmp_path):
    folder = shutil.copytree(artefact.path, tmp_path / "altered")
    with (folder / "model_int8.tflite").open("r+b") as stream:
        stream.seek(500)
        stream.write(b"\0\1\2\3")
    with pytest.raises(ArtefactError, match="SHA-256 differs"):
        load_artefact(folder)


def test_a_full_disk_leaves_what_was_there(finished_run, trained_faces, tmp_path, monkeypatch):
    out = tmp_path / "model"
    out.mkdir()
    (out / "mine.txt").write_text("kept")

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.export._write", full)
    with pytest.raises(MienError, match="No space left on device"):
        export(order_from_run(finished_run, trained_faces, None, out, TEXTS))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (out / "mine.txt").read_text() == "kept"


def test_a_run_that_is_none_is_named(trained_faces, tmp_path):
    with pytest.raises(DataError, match=r"holds no best\.npz"):
        order_from_run(tmp_path, trained_faces, None, tmp_path / "out", TEXTS)
