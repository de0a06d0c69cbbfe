"""Writes down an evaluation: terminal table, JSON, CSV, Markdown with pictures."""

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from training.calibrate import bins, cross_fitted, to_logits
from training.evaluate import Evaluation
from training.measure import confusion
from training.plots import draw_confusion, draw_mistakes, draw_reliability

WORST = 50


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Figures of each file as JSON: `{"files": {name: {"accuracy": …, "per_class": …}}}`."""
    files = {}
    for name, metrics in evaluation.metrics.items():
        files[name] = {**msgspec.to_builtins(metrics), "intervals": evaluation.intervals[name]}
        if evaluation.missed:
            files[name]["faces_not_found"] = len(evaluation.missed)
            files[name]["accuracy_with_missed"] = evaluation.accuracy_with_missed(name)
    path.write_text(json.dumps({"files": files}, indent=1) + "\n", encoding="utf-8")


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """One row a picture: name, true label, and for each file its label and confidence."""
    classes = evaluation.pictures.classes
    header = ["picture", "true"]
    for name in evaluation.probabilities:
        header += [f"{name} label", f"{name} confidence"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for index, picture in enumerate(evaluation.pictures.names):
            row = [picture, classes[evaluation.pictures.labels[index]]]
            for probabilities in evaluation.probabilities.values():
                best = int(probabilities[index].argmax())
                row += [classes[best], f"{probabilities[index, best]:.4f}"]
            writer.writerow(row)


def write_report(evaluation: Evaluation, out: Path, title: str) -> None:
    """Write `evaluation.md` and its pictures into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    last = next(reversed(evaluation.metrics))
    truth, classes = evaluation.pictures.labels, evaluation.pictures.classes
    probabilities = evaluation.probabilities[last]
    draw_confusion(confusion(truth, probabilities.argmax(1), len(classes)), classes, out / "confusion.png")
    tables = {
        name: bins(cross_fitted(to_logits(values, evaluation.temperatures[name]), truth), truth)
        for name, values in evaluation.probabilities.items()
    }
    draw_reliability(tables, out / "reliability.png")
    _draw_worst(evaluation, probabilities, out / "mistakes.png")
    (out / "evaluation.md").write_text(_markdown(evaluation, title, last), encoding="utf-8")


def _draw_worst(evaluation: Evaluation, probabilities: NDArray[np.float32], path: Path) -> None:
    """The mistakes made with the highest confidence."""
    pictures, predicted = evaluation.pictures, probabilities.argmax(1)
    wrong = np.flatnonzero(predicted != pictures.labels)
    worst = wrong[np.argsort(-probabilities.max(1)[wrong], kind="stable")][:WORST]
    names = pictures.classes
    captions = [
        f"{names[pictures.labels[i]][:5]}>{names[predicted[i]][:5]} {probabilities[i].max():.2f}"
        for i in worst
    ]
    draw_mistakes(pictures.images[worst], captions, path)


def _markdown(evaluation: Evaluation, title: str, last: str) -> str:
    lines = [f"# {title}", "", f"{len(evaluation.pictures)} pictures.", ""]
    if evaluation.missed:
        lines += [f"No face was found in {len(evaluation.missed)} more; they count as wrong.", ""]
    lines += _table(
        "file | accuracy (95 %) | macro-F1 (95 %) | ECE | NLL | Brier | certain | right when certain",
        [_row(evaluation, name) for name in evaluation.metrics],
    )
    lines += ["", f"By class, `{last}`:", ""]
    lines += _table(
        "class | pictures | precision | recall | F1",
        [
            f"{name} | {c.support} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f}"
            for name, c in evaluation.metrics[last].per_class.items()
        ],
    )
    return "\n".join([*lines, "", _PICTURES])


def _table(head: str, rows: list[str]) -> list[str]:
    return [f"| {head} |", "|---" * (head.count("|") + 1) + "|", *(f"| {row} |" for row in rows)]


_PICTURES = """\
![Confusion matrix](confusion.png)
![Reliability](reliability.png)
![Mistakes made with the highest confidence](mistakes.png)
"""


def _row(evaluation: Evaluation, name: str) -> str:
    m, spans = evaluation.metrics[name], evaluation.intervals[name]
    low, high = spans["accuracy"]
    f1_low, f1_high = spans["macro_f1"]
    scores = f"{evaluation.accuracy_with_missed(name):.4f} ({low:.3f} to {high:.3f}) | {m.macro_f1:.4f}"
    return (
        f"`{name}` | {scores} ({f1_low:.3f} to {f1_high:.3f}) | {m.ece:.4f} | {m.nll:.4f} | {m.brier:.4f} "
        f"| {m.certain_share:.3f} | {m.certain_accuracy:.3f}"
    )


def figures_table(evaluation: Evaluation) -> Table:
    """The figures of each file for the terminal, a row each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("file", "accuracy", "95 %", "macro-F1", "ECE", "certain", "right then"):
        table.add_column(heading, no_wrap=True)
    for name, m in evaluation.metrics.items():
        low, high = evaluation.intervals[name]["accuracy"]
        accuracy = f"{evaluation.accuracy_with_missed(name):.4f}"
        figures = (f"{m.macro_f1:.4f}", f"{m.ece:.4f}", f"{m.certain_share:.3f}", f"{m.certain_accuracy:.3f}")
        table.add_row(name, accuracy, f"{low:.3f}-{high:.3f}", *figures)
    return table
