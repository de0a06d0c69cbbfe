"""Saves and restores everything a run needs to go on as if it had never stopped, in one file written
atomically.
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError


class Progress(msgspec.Struct):
    """Where a run stands: `stage` index, `epoch` within it that comes next, global `step`, the best so
    far.
    """

    seed: int
    recipe: str
    stage: int = 0
    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = 0
    since_best: int = 0
    seconds: float = 0.0
    """Spent so far, over all parts of a resumed run."""


@dataclass(frozen=True)
class Snapshot:
    """Progress and named groups of arrays (weights, average, optimizer)."""

    progress: Progress
    groups: dict[str, list[NDArray[np.generic]]]


def write_arrays(path: Path, groups: dict[str, list[NDArray[np.generic]]], note: bytes = b"{}") -> None:
    """Write named groups of arrays and a JSON note to `path`, aside first, then renamed over it."""
    aside = path.with_name(path.name + ".part")
    flat = {f"{name}/{i:04d}": value for name, values in groups.items() for i, value in enumerate(values)}
    with aside.open("wb") as stream:
        np.savez(stream, note=np.frombuffer(note, np.uint8), **flat)  # type: ignore[arg-type]
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)


def read_arrays(path: Path) -> tuple[dict[str, list[NDArray[np.generic]]], bytes]:
    """The groups and the note of a file that `write_arrays` wrote; DataError where it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            groups: dict[str, list[NDArray[np.generic]]] = {}
            for key in sorted(stored.files):
                if key != "note":
                    groups.setdefault(key.split("/")[0], []).append(stored[key])
            return groups, stored["note"].tobytes()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no checkpoint of this program or is damaged: {error}") from error


def save(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; a crash in between leaves the former one."""
    write_arrays(path, snapshot.groups, msgspec.json.encode(snapshot.progress))


def load(path: Path) -> Snapshot:
    """Read a snapshot; DataError where it is missing or damaged."""
    groups, note = read_arrays(path)
    try:
        return Snapshot(msgspec.json.decode(note, type=Progress), groups)
    except msgspec.MsgspecError as error:
        raise DataError(f"{path} holds no training progress: {error}") from error
