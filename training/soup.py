"""A model soup: one network whose weights are the mean of several runs' best ones."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.table import Table

from shared.errors import DataError
from training.batchnorm import settle
from training.data import Pictures
from training.measure import score
from training.model import rebuilt
from training.outcome import Best, Trained, load_trained
from training.progress import doing


def load_members(runs: Sequence[Path]) -> list[Trained]:
    """The best weights of `runs`; DataError where there are none, or a network differs from the first one."""
    members = [load_trained(run) for run in runs]
    for run, member in zip(runs, members, strict=True):
        if _network(member.about) != _network(members[0].about):
            raise DataError(f"{run} holds another network, size or classes than {runs[0]}")
    return members


def soup(members: Sequence[Trained], train: Pictures, validation: Pictures) -> Trained:
    """The mean of the weights of `members`, which are of one network, and what it reaches on `validation`.

    Runs that went on from the same weights lie in one valley of the loss, and the mean of their weights lies
    lower than each, at the cost of one network (Wortsman et al., "Model soups", 2022). Its batch norms are
    estimated anew on clean `train` pictures.
    """
    about = members[0].about
    mean = [np.mean(values, axis=0) for values in zip(*(member.weights for member in members), strict=True)]
    with doing("averaging and measuring"):
        network = rebuilt(Trained(about, mean))
        settle(network, train.images, about.size)
        right, f1 = score(lambda pictures: network(pictures, training=False), validation, about.size)
    seeds = ", ".join(str(member.about.seed) for member in members)
    mixed = msgspec.structs.replace(about, accuracy=right, macro_f1=f1, origin=f"soup of seeds {seeds}")
    return Trained(mixed, network.get_weights())


def _network(about: Best) -> tuple[str, tuple[str, ...], int, int]:
    return about.backbone, about.classes, about.size, about.native_size


def soup_table(runs: Sequence[Path], members: Sequence[Trained], mixed: Trained) -> Table:
    """A row for each run and one for their soup: seed, accuracy and macro-F1 on validation."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("run", "seed", "accuracy", "macro-F1"):
        table.add_column(heading, justify="left" if heading == "run" else "right", no_wrap=True)
    for run, member in zip(runs, members, strict=True):
        table.add_row(str(run), str(member.about.seed), *_figures(member.about))
    table.add_row("soup", "", *_figures(mixed.about))
    return table


def _figures(about: Best) -> tuple[str, str]:
    return f"{about.accuracy:.4f}", f"{about.macro_f1:.4f}"
