"""Exports a trained network as an artefact: three files, each measured, and a card that vouches for them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.artefact import CARD, FORMAT, Artefact, Card, Crop, ModelFile, digest, load_artefact
from shared.errors import ArtefactError, DataError
from shared.vision.align import FER_BOX, to_input
from training import fer2013
from training.calibrate import fit_temperature, fit_threshold, to_logits
from training.card import SEE_FILE, licence_text, model_card
from training.convert import to_float, to_int8
from training.data import Pictures
from training.figures import compare, measure
from training.grid import on_int8_grid
from training.outcome import Trained, load_trained
from training.prepare import prepare
from training.progress import doing
from training.recipe import summary
from training.runners import open_file
from training.serving import serving_model

KERAS, FLOAT, INT8 = "model.keras", "model.tflite", "model_int8.tflite"
CALIBRATION_PICTURES = 300
LARGEST_DIFFERENCE = 1e-4
LARGEST_SUM_ERROR = 1e-5


@dataclass(frozen=True)
class Order:
    """What to export and how to describe it. `data` and `recipe` go into the card as they are."""

    trained: Trained
    train: Pictures
    validation: Pictures
    out: Path
    data: dict[str, str | int | float]
    recipe: dict[str, str | int | float]
    licence: str
    provisional: bool = False
    note: str = ""
    seed: int = 0


def order_from_run(run: Path, data: Path, exclude: Path | None, out: Path, texts: dict[str, str]) -> Order:
    """What to export for a run's folder; `texts` hold source, licence, provisional and note for the card."""
    trained = load_trained(run)
    about = trained.about
    prepared = prepare(data, about.native_size, exclude, about.seed)
    if prepared.train.classes != about.classes:
        raise DataError(f"{data} has other classes than the run was trained on")
    source = texts["source"] or data.resolve().name
    return Order(
        trained,
        prepared.train,
        prepared.validation,
        out,
        data={
            "source": fer2013.SOURCE if source == fer2013.NAME else source,
            "training pictures": len(prepared.train),
            "left out (unreadable, excluded, blank, repeated, doubly labelled, in validation)": len(
                prepared.report.dropped
            ),
            "validation pictures": len(prepared.validation),
        },
        recipe={
            "backbone": about.backbone,
            "seed": about.seed,
            "input size": about.size,
            "weights of": f"{about.origin} (averaged)",
            "steps": about.steps,
            **summary(about.recipe),
            "kernels": "rounded to int8's 255 steps a channel, in all files, batch norms estimated after",
        },
        licence=texts["licence"] or SEE_FILE,
        provisional=bool(texts["provisional"]),
        note=texts["provisional"] or texts["note"],
        seed=about.seed,
    )


def calibration_pictures(train: Pictures, native: int, size: int, seed: int) -> NDArray[np.uint8]:
    """(N, size, size, 1) uint8: one black, one white, then at least 300 training pictures, as even over
    classes as there are pictures, all through the live preprocessing.

    Without pure black and white the input scale comes out below 1 and costs points of agreement.
    """
    rng = np.random.default_rng(seed)
    quota = -(-CALIBRATION_PICTURES // len(train.classes))
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(train.labels == label))[:quota]
            for label in range(len(train.classes))
        ]
    )
    rest = rng.permutation(np.setdiff1d(np.arange(len(train)), chosen))
    chosen = np.concatenate([chosen, rest[: max(0, CALIBRATION_PICTURES - len(chosen))]])
    side = train.images.shape[1]
    extremes = np.stack([np.zeros((side, side), np.uint8), np.full((side, side), 255, np.uint8)])
    return to_input(np.concatenate([extremes, train.images[chosen]]), native, size)


def export(order: Order) -> Artefact:
    """Write the artefact to `order.out`, aside first, then renamed over what was there.

    Raises:
        ArtefactError: a file does not do what the Keras model does.
        DataError: the folder can't be written.
    """
    aside = order.out.with_name(f".{order.out.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        _fill(order, aside)
        load_artefact(aside)
        _put_in_place(aside, order.out)
    except OSError as error:
        raise DataError(f"can't write the model folder {order.out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return load_artefact(order.out)


def _put_in_place(aside: Path, out: Path) -> None:
    former = out.with_name(f".{out.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if out.exists():
        out.rename(former)
    aside.rename(out)
    shutil.rmtree(former, ignore_errors=True)


def _fill(order: Order, folder: Path) -> None:
    about = order.trained.about
    with doing("putting kernels on int8's steps"):
        trained = on_int8_grid(order.trained, order.train)
    pictures = calibration_pictures(order.train, about.native_size, about.size, order.seed)
    writers: dict[str, Callable[[float, Path], None]] = {
        KERAS: lambda t, path: serving_model(trained, t).save(path),
        FLOAT: lambda t, path: _write(path, to_float(serving_model(trained, t))),
        INT8: lambda t, path: _write(path, to_int8(serving_model(trained, t, dtype="float32"), pictures)),
    }
    temperatures = _temperatures(order, folder, writers)
    for name, write in writers.items():
        with doing(f"writing {name}"):
            write(temperatures[name], folder / name)
    draft = _draft(order, folder, temperatures)
    card = _measured(order, Artefact(folder, draft))
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    (folder / "CARD.md").write_text(model_card(card), encoding="utf-8")
    (folder / "MODEL_LICENSE").write_text(licence_text(card), encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _temperatures(
    order: Order, folder: Path, writers: dict[str, Callable[[float, Path], None]]
) -> dict[str, float]:
    """Best temperature of each file, from its own outputs at 1; Keras and float LiteRT share theirs."""
    found = {}
    for name in (FLOAT, INT8):
        with doing(f"writing {name}, to find its temperature"):
            writers[name](1.0, folder / name)
        plain = Artefact(folder, _draft(order, folder, {name: 1.0}))
        outputs = open_file(plain, name)(order.validation.images)
        found[name] = fit_temperature(to_logits(outputs), order.validation.labels)
    return {KERAS: found[FLOAT], **found}


def _draft(order: Order, folder: Path, temperatures: dict[str, float]) -> Card:
    about = order.trained.about
    files = {
        name: ModelFile(digest(folder / name), (folder / name).stat().st_size, temperature, 0.0)
        for name, temperature in temperatures.items()
    }
    return Card(
        format=FORMAT,
        name=order.out.name,
        labels=about.classes,
        crop=_crop_contract(),
        native_size=about.native_size,
        input_size=about.size,
        files=files,
        data=order.data,
        recipe=order.recipe,
        licence=order.licence,
        provisional=order.provisional,
        note=order.note,
    )


def _crop_contract() -> Crop:
    numbers: dict[str, float | bool] = {
        "center_x": FER_BOX.center_x,
        "center_y": FER_BOX.center_y,
        "size": FER_BOX.size,
        "upright": FER_BOX.upright,
    }
    return Crop(FER_BOX.name, int(FER_BOX.name.rpartition("-")[2]), numbers)


def _measured(order: Order, artefact: Artefact) -> Card:
    """The card with thresholds, metrics and parity of each file."""
    truth, classes = order.validation.labels, order.trained.about.classes
    outputs = {name: open_file(artefact, name)(order.validation.images) for name in artefact.card.files}
    files = {}
    for name, file in artefact.card.files.items():
        reference = {FLOAT: KERAS, INT8: FLOAT}.get(name)
        parity = compare(outputs[name], outputs[reference], truth, reference) if reference else None
        threshold = round(fit_threshold(outputs[name]), 4)
        figures = measure(outputs[name], truth, classes, temperature=file.temperature, threshold=threshold)
        files[name] = msgspec.structs.replace(
            file, uncertain_threshold=threshold, metrics=figures, parity=parity
        )
    _check_parity(files)
    return msgspec.structs.replace(artefact.card, files=files)


def _check_parity(files: dict[str, ModelFile]) -> None:
    """Refuse a float file that departs from Keras, or rows that are no probabilities."""
    for name, file in files.items():
        parity = file.parity
        if parity is None:
            continue
        if name == FLOAT and parity.largest_difference > LARGEST_DIFFERENCE:
            raise ArtefactError(
                f"{name} departs from {parity.reference} by {parity.largest_difference:.2g}, more than "
                f"{LARGEST_DIFFERENCE:g}; nothing was exported"
            )
        if parity.largest_sum_error > LARGEST_SUM_ERROR:
            raise ArtefactError(f"rows of {name} do not sum to 1; nothing was exported")
