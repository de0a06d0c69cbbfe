"""Reads a training folder into what a run needs: pictures that may train, validation pictures, a report."""

import json
from dataclasses import dataclass
from pathlib import Path

from training.data import (
    Pictures,
    Report,
    clean,
    load_split,
    read_classes,
    read_exclusions,
    stratified,
)

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Prepared:
    """A checked data set; `split` names validation pictures taken out of `train/` where there was no
    folder.
    """

    train: Pictures
    validation: Pictures
    report: Report
    split: tuple[str, ...]


def prepare(data: Path, native_size: int, exclude: Path | None, seed: int) -> Prepared:
    """Load `data/train` and `data/validation`; without the latter a stratified tenth of train is held out."""
    classes = read_classes(data / "train")
    everything, unreadable = load_split(data / "train", classes, native_size)
    split: tuple[str, ...] = ()
    if (data / "validation").is_dir():
        validation, _ = load_split(data / "validation", classes, native_size)
    else:
        held_out = stratified(everything.labels, VALIDATION_SHARE, seed)
        validation, everything = everything.keep(held_out), everything.keep(~held_out)
        split = validation.names
    excluded = read_exclusions(exclude) if exclude else set()
    train, report = clean(everything, validation, unreadable, excluded)
    return Prepared(train, validation, report, split)


def write_report(prepared: Prepared, out: Path) -> None:
    """Write `data.json`: counts, every dropped picture by reason, and the split where one was made."""
    report = prepared.report
    content = {
        "counts": report.counts,
        "used": report.used,
        "validation": prepared.validation.counts(),
        "dropped": {reason: sorted(names) for reason, names in report.reasons.items()},
        "split": list(prepared.split),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "data.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
