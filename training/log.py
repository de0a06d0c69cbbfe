"""Writes what a run measured: a CSV row an epoch, TensorBoard scalars, and lines or a progress bar for a
person.
"""

import csv
import time
from pathlib import Path

import msgspec
import tensorflow as tf
from rich.console import Console


class EpochRow(msgspec.Struct, frozen=True):
    """Figures after one epoch. `raw_accuracy` is of the weights as trained, the others of their average.

    `accuracy` and `macro_f1` are on all of validation, `raw_accuracy` on every fourth picture of it.
    """

    stage: str
    epoch: int
    step: int
    size: int
    learning_rate: float
    loss: float
    raw_accuracy: float
    accuracy: float
    macro_f1: float
    seconds: float


class RunLog:
    """The log of a run in its folder: `log.csv` and `tensorboard/`; goes on where an earlier part ended."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._path = folder / "log.csv"
        self._console = console
        self._writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
        self._last_line = 0.0

    def epoch(self, row: EpochRow) -> None:
        """Append a row and show it."""
        fields = msgspec.structs.asdict(row)
        new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(fields))
            if new:
                writer.writeheader()
            writer.writerow({key: f"{v:.6g}" if isinstance(v, float) else v for key, v in fields.items()})
        with self._writer.as_default(step=row.step):
            for key in ("learning_rate", "loss", "raw_accuracy", "accuracy", "macro_f1"):
                tf.summary.scalar(key, fields[key])
        self._writer.flush()
        self._console.print(
            f"{row.stage} {row.epoch}: loss {row.loss:.3f}, validation accuracy {row.accuracy:.4f} "
            f"(unaveraged {row.raw_accuracy:.4f}), macro-F1 {row.macro_f1:.4f}, {row.seconds:.0f} s"
        )

    def step(
        self, stage: str, epoch: int, done: int, total: int, loss: float, seconds_per_step: float
    ) -> None:
        """A line of progress, at most one every ten seconds."""
        now = time.monotonic()
        if now - self._last_line < 10:
            return
        self._last_line = now
        left = (total - done) * seconds_per_step
        self._console.print(
            f"  {stage} {epoch}: {done}/{total} steps, loss {loss:.3f}, {seconds_per_step:.3f} s a step, "
            f"{left:.0f} s left in this epoch"
        )


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a `log.csv`."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
