"""Reads class folders of face pictures into memory and says what is wrong with them before anything
trains.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.emotions import EMOTIONS
from shared.errors import DataError
from training.progress import bar

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
BLANK_SPREAD = 2.0
"""A picture whose grey values deviate less than this (standard deviation, of 255) shows nothing."""


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures: `images` (N, S, S) uint8 grey, `labels` (N,) int64 indices into `classes`.

    `names` are paths relative to the data folder with forward slashes, `hashes` identify the pixels as
    stored.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def keep(self, mask: Sequence[bool] | NDArray[np.bool_]) -> "Pictures":
        """The pictures where `mask` (N,) is true, in the same order."""
        chosen = np.flatnonzero(np.asarray(mask, bool))
        return Pictures(
            self.images[chosen],
            self.labels[chosen],
            tuple(self.names[i] for i in chosen),
            tuple(self.hashes[i] for i in chosen),
            self.classes,
        )

    def counts(self) -> dict[str, int]:
        """Pictures per class, in class order."""
        found = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}


def read_classes(folder: Path) -> tuple[str, ...]:
    """Class names of a split: the seven emotions in their order where the folders are those, else sorted
    names.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; it must hold one folder of pictures per class")
    found = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if len(found) < 2:
        raise DataError(
            f"{folder} holds {len(found)} class folder(s); training needs at least two, one per class"
        )
    return EMOTIONS if set(found) == set(EMOTIONS) else tuple(found)


def list_pictures(folder: Path) -> list[Path]:
    """Picture files directly or deeper in `folder`, sorted by path."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read_grey(path: Path) -> NDArray[np.uint8] | None:
    """The picture as (H, W) uint8 grey, or None where it can't be decoded."""
    encoded = np.fromfile(path, np.uint8)
    if not encoded.size:
        return None
    picture = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture, np.uint8)


def square(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Centre square of a (H, W) uint8 picture, resized to (size, size): by area when it shrinks, else
    bilinear.
    """
    height, width = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[top : top + side, left : left + side]
    if side == size:
        return middle
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(middle, (size, size), interpolation=method), np.uint8)


def pixel_hash(picture: NDArray[np.uint8]) -> str:
    """SHA-256 over the shape and the grey values, so that the same picture in two files is found."""
    return hashlib.sha256(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()


def load_split(
    folder: Path, classes: tuple[str, ...], native_size: int, root: Path | None = None
) -> tuple[Pictures, list[str]]:
    """Decode every picture of a split; returns them and the names of those that can't be read.

    Raises DataError for a class without a single readable picture.
    """
    root = root or folder.parent
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    names: list[str] = []
    hashes: list[str] = []
    unreadable: list[str] = []
    for index, name in enumerate(classes):
        before = len(images)
        for path in bar(list_pictures(folder / name), f"reading {folder.name}/{name}"):
            relative = path.relative_to(root).as_posix()
            picture = read_grey(path)
            if picture is None:
                unreadable.append(relative)
                continue
            images.append(square(picture, native_size))
            labels.append(index)
            names.append(relative)
            hashes.append(pixel_hash(picture))
        if len(images) == before:
            raise DataError(f"{folder / name} holds no readable picture; add some or remove the class folder")
    pictures = Pictures(np.stack(images), np.asarray(labels, np.int64), tuple(names), tuple(hashes), classes)
    return pictures, unreadable


def blank(pictures: Pictures) -> set[str]:
    """Names of the pictures that show nothing."""
    spread = pictures.images.reshape(len(pictures), -1).astype(np.float32).std(axis=1)
    return {name for name, value in zip(pictures.names, spread, strict=True) if value < BLANK_SPREAD}


def doubly_labelled(pictures: Pictures) -> set[str]:
    """Names of pictures whose very pixels stand under two or more classes."""
    classes_of: dict[str, set[int]] = {}
    for digest, label in zip(pictures.hashes, pictures.labels, strict=True):
        classes_of.setdefault(digest, set()).add(int(label))
    return {
        name
        for name, digest in zip(pictures.names, pictures.hashes, strict=True)
        if len(classes_of[digest]) > 1
    }


def repeated(pictures: Pictures) -> set[str]:
    """Names of pictures that repeat an earlier one of the same class (the first is not named)."""
    seen: set[tuple[str, int]] = set()
    again = set()
    for name, digest, label in zip(pictures.names, pictures.hashes, pictures.labels, strict=True):
        key = (digest, int(label))
        if key in seen:
            again.add(name)
        seen.add(key)
    return again


def read_exclusions(path: Path) -> set[str]:
    """Names on an exclude list: the first column of a CSV or text file, a header `file` allowed."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [row[0].strip() for row in csv.reader(stream) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"can't read the exclude list {path}: {error}") from error
    return set(rows) - {"file"}


@dataclass(frozen=True)
class Report:
    """What a training folder holds and what of it is left out, by name and reason."""

    counts: dict[str, int]
    used: dict[str, int]
    reasons: dict[str, frozenset[str]]

    @property
    def dropped(self) -> frozenset[str]:
        """Every picture that does not train."""
        return frozenset().union(*self.reasons.values())

    def lines(self) -> list[str]:
        """The report for a person, one fact a line."""
        per_class = [f"{name}: {self.used[name]} of {count} train" for name, count in self.counts.items()]
        return per_class + [f"{len(names)} {reason}" for reason, names in self.reasons.items()]


def clean(
    train: Pictures, validation: Pictures, unreadable: Iterable[str] = (), exclude: Iterable[str] = ()
) -> tuple[Pictures, Report]:
    """Drop what must not train: excluded, blank, repeated, doubly labelled, or identical to a validation
    picture.
    """
    held_out = set(validation.hashes)
    in_validation = {
        name for name, digest in zip(train.names, train.hashes, strict=True) if digest in held_out
    }
    reasons = {
        "unreadable": frozenset(unreadable),
        "on the exclude list": frozenset(exclude) & frozenset(train.names),
        "blank": frozenset(blank(train)),
        "repeated in their class": frozenset(repeated(train)),
        "under two classes": frozenset(doubly_labelled(train)),
        "identical to a validation picture": frozenset(in_validation),
    }
    dropped = frozenset().union(*reasons.values())
    kept = train.keep([name not in dropped for name in train.names])
    report = Report(train.counts(), kept.counts(), reasons)
    empty = [name for name, count in report.used.items() if not count]
    if empty:
        raise DataError(
            f"no picture of class {empty[0]!r} is left to train on after exclusions; check the data"
        )
    return kept, report


def stratified(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Mask (N,) of a random `share` of every class, at least one picture each."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(len(labels), bool)
    for label, count in Counter(labels.tolist()).items():
        chosen = rng.permutation(np.flatnonzero(labels == label))
        mask[chosen[: max(1, round(count * share))]] = True
    return mask
