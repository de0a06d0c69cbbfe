"""Draws the pictures of an evaluation and of a training run, to PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.log import read_log

SHEET_COLUMNS = 10
TILE = 96


def _axes(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure((width, height), layout="constrained")
    return figure, figure.subplots()


def draw_confusion(matrix: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Confusion matrix (rows true), each row as shares with the counts written in."""
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    figure, axes = _axes(1 + 0.8 * len(classes), 0.6 + 0.75 * len(classes))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="true")
    for row in ticks:
        for column in ticks:
            dark = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=dark)
    figure.savefig(path, dpi=110)


def draw_reliability(tables: dict[str, NDArray[np.float64]], path: Path) -> None:
    """Accuracy over mean confidence, one line a file; on the diagonal a file is as right as it says."""
    figure, axes = _axes(5, 5)
    axes.plot((0, 1), (0, 1), color="grey", linestyle=":", label="calibrated")
    for name, table in tables.items():
        axes.plot(table[:, 1], table[:, 2], marker="o", label=name)
    axes.set(xlabel="mean confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=110)


def draw_curves(rows: Sequence[dict[str, str]], path: Path) -> None:
    """Training loss and validation figures over epochs, from the rows of a log."""
    epochs = range(1, len(rows) + 1)
    figure = Figure((9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [float(row["loss"]) for row in rows], marker=".", label="training loss")
    left.set(xlabel="epoch", ylabel="loss")
    for key, name in (
        ("accuracy", "accuracy, averaged weights"),
        ("raw_accuracy", "accuracy, weights as trained (a quarter of the pictures)"),
        ("macro_f1", "macro-F1, averaged weights"),
    ):
        right.plot(epochs, [float(row[key]) for row in rows], marker=".", label=name)
    right.set(xlabel="epoch", ylabel="validation")
    right.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.15))
    figure.savefig(path, dpi=110)


def draw_run(run: Path) -> None:
    """Write `curves.png` of a run's folder from its log."""
    draw_curves(read_log(run / "log.csv"), run / "curves.png")


def draw_mistakes(images: NDArray[np.uint8], captions: Sequence[str], path: Path) -> None:
    """Contact sheet of (N, S, S) uint8 pictures, each with its caption below."""
    rows = max(1, -(-len(images) // SHEET_COLUMNS))
    sheet = np.full((rows * (TILE + 16), SHEET_COLUMNS * TILE), 255, np.uint8)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top, left = index // SHEET_COLUMNS * (TILE + 16), index % SHEET_COLUMNS * TILE
        sheet[top : top + TILE, left : left + TILE] = cv2.resize(image, (TILE, TILE))
        cv2.putText(
            sheet, caption, (left + 2, top + TILE + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 0, 1, cv2.LINE_AA
        )
    encoded = cv2.imencode(".png", sheet)[1]
    path.write_bytes(encoded.tobytes())
