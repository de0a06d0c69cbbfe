"""A model soup: one network whose weights are the mean of several runs' best ones."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.table import Table

from shared.errors import DataError
from training.augment import clean_batches
from training.batchnorm import FINAL_BATCHES, Reestimator
from training.data import Pictures
from training.grid import BATCH_SIZE
from training.measure import accuracy, macro_f1, predict
from training.model import rebuilt
from training.outcome import Best, Trained, keep, load_trained


def soup(runs: Sequence[Path], train: Pictures, validation: Pictures, out: Path) -> tuple[list[Best], Best]:
    """Write the mean of the best weights of `runs` to `out`; what they and it reach on `validation`.

    Runs that went on from the same weights lie in one valley of the loss, and the mean of their weights lies
    lower than each, at the cost of one network (Wortsman et al., "Model soups", 2022). Its batch norms are
    estimated anew on clean `train` pictures.

    Raises DataError where a run has no weights, or its network differs from the first one's.
    """
    members = [load_trained(run) for run in runs]
    about = members[0].about
    for run, member in zip(runs, members, strict=True):
        if _network(member.about) != _network(about):
            raise DataError(f"{run} holds another network, size or classes than {runs[0]}")
    mean = [np.mean(values, axis=0) for values in zip(*(member.weights for member in members), strict=True)]
    network = rebuilt(Trained(about, mean))
    batch = min(BATCH_SIZE, len(train))
    Reestimator(network)(clean_batches(train.images, FINAL_BATCHES, batch_size=batch, size=about.size))
    chosen = predict(lambda pictures: network(pictures, training=False), validation.images, about.size)
    right = accuracy(validation.labels, chosen.argmax(1))
    f1 = macro_f1(validation.labels, chosen.argmax(1), len(about.classes))
    seeds = ", ".join(str(member.about.seed) for member in members)
    mixed = msgspec.structs.replace(about, accuracy=right, macro_f1=f1, origin=f"soup of seeds {seeds}")
    out.mkdir(parents=True, exist_ok=True)
    keep(out, Trained(mixed, network.get_weights()))
    return [member.about for member in members], mixed


def _network(about: Best) -> tuple[str, tuple[str, ...], int, int]:
    return about.backbone, about.classes, about.size, about.native_size


def soup_table(runs: Sequence[Path], members: Sequence[Best], mixed: Best) -> Table:
    """A row for each run and one for their soup: seed, accuracy and macro-F1 on validation."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("run", "seed", "accuracy", "macro-F1"):
        table.add_column(heading, justify="left" if heading == "run" else "right", no_wrap=True)
    for run, about in zip(runs, members, strict=True):
        table.add_row(str(run), str(about.seed), f"{about.accuracy:.4f}", f"{about.macro_f1:.4f}")
    table.add_row("soup", "", f"{mixed.accuracy:.4f}", f"{mixed.macro_f1:.4f}")
    return table
