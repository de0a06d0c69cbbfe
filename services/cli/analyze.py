"""`mien analyze`: emotions in pictures, folders and videos, without a running stack."""

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from services.cli.connection import ConfigOption, console
from shared.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from shared.config import Settings
    from shared.vision import Analysis
    from shared.vision.analysis import Analyzed, Analyzer, PathAnalysis


def analyze(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, folders, videos.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object a picture or frame.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV: one line a face.")] = False,
    annotate: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write copies with boxes and labels into this folder.")
    ] = None,
    stride: Annotated[int, typer.Option(min=1, metavar="N", help="Look at every N-th frame of a video.")] = 1,
    detection_width: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Width at which faces are looked for.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Find the faces in pictures and videos and read their emotions.

    A face marked with ? is uncertain: its best probability stays below the model's threshold.

    \b
    Examples:
      mien analyze people.jpg holiday/
      mien analyze hall.mp4 --stride 5 --csv > hall.csv
      mien analyze people.jpg --annotate marked
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv: choose one of them")
    from shared import process
    from shared.config import load_settings

    process.prepare(threads=1)
    process.silence_native_errors()
    flags = {"detector": {"width": detection_width}} if detection_width else {}
    failed = _run(
        load_settings(config, **flags),
        paths,
        "json" if as_json else "csv" if as_csv else "",
        annotate,
        stride,
    )
    if failed:
        raise typer.Exit(SourceError.exit_code)


def _run(settings: "Settings", paths: list[Path], form: str, folder: Path | None, stride: int) -> int:
    """Analyze all, print and draw; return how many files could not be read."""
    from services.cli.annotated import AnnotatedFolder
    from shared.vision.analysis import load_analyzer

    analyzer = load_analyzer(settings)
    sources = [_open(path, analyzer, stride) for path in paths]
    report = _report(form, list(analyzer.predictor.labels))
    failed = 0
    files = [file for source in sources if not isinstance(source, SourceError) for file in source.files]
    with AnnotatedFolder(folder, stride, files) if folder else nullcontext() as drawings:
        for picture, analysis in _with_progress(sources):
            if analysis.error:
                failed += 1
                print(f"mien: {analysis.error}", file=sys.stderr)
                continue
            report.add(analysis)
            if drawings and picture is not None:
                drawings.add(picture, analysis)
    report.close()
    return failed


def _open(path: Path, analyzer: "Analyzer", stride: int) -> "PathAnalysis | SourceError":
    """Return the analysis of a path, or why there is none."""
    from shared.vision.analysis import analyze_path

    try:
        return analyze_path(path, analyzer, stride)
    except SourceError as error:
        return error


def _report(form: str, labels: list[str]) -> "Report":
    if form == "json":
        return JsonReport()
    return CsvReport(labels) if form == "csv" else TableReport()


def _with_progress(sources: "list[PathAnalysis | SourceError]") -> "Iterator[Analyzed]":
    """Give the analyses one after another, with a progress bar on standard error if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        total = sum(1 if isinstance(source, SourceError) else source.total for source in sources)
        task = progress.add_task("analyzing", total=total)
        for source in sources:
            for analyzed in _tolerant(source, alone=len(sources) == 1):
                yield analyzed
                progress.advance(task)


def _tolerant(source: "PathAnalysis | SourceError", alone: bool) -> "Iterator[Analyzed]":
    """A single path that can't be read ends the command; one of several is reported, and the next follows."""
    from shared.vision import Analysis
    from shared.vision.analysis import Analyzed

    try:
        if isinstance(source, SourceError):
            raise source
        yield from source
    except SourceError as error:
        if alone:
            raise
        yield Analyzed(None, Analysis(source="", error=str(error)))


class Report(Protocol):
    """Where analyses are printed."""

    def add(self, analysis: "Analysis") -> None:
        """Take one more."""

    def close(self) -> None:
        """Print what is left."""


class JsonReport:
    """A JSON list, an element a line."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, analysis: "Analysis") -> None:
        """Print one element."""
        import msgspec

        print(",\n " if self._begun else "[", msgspec.json.encode(analysis).decode(), sep="", end="")
        self._begun = True

    def close(self) -> None:
        """End the list."""
        print("]" if self._begun else "[]")


class CsvReport:
    """A line per face."""

    def __init__(self, labels: list[str]) -> None:
        self._labels = labels
        self._writer = csv.writer(sys.stdout)
        place = ("x", "y", "width", "height", "score")
        self._writer.writerow(("source", "frame", "seconds", "face", *place, "emotion", "certain", *labels))

    def add(self, analysis: "Analysis") -> None:
        """Print the picture's faces."""
        for number, face in enumerate(analysis.faces, start=1):
            shares = [face.probabilities[label] for label in self._labels]
            where = (analysis.source, analysis.frame, analysis.seconds, number)
            self._writer.writerow((*where, *face.box, face.score, face.emotion, face.certain, *shares))

    def close(self) -> None:
        """Nothing follows."""


class TableReport:
    """For people: a row per face of a picture, a row per video with how often each emotion was read."""

    def __init__(self) -> None:
        self._pictures: list[tuple[str, ...]] = []
        self._videos: dict[str, Counter[str]] = {}

    def add(self, analysis: "Analysis") -> None:
        """Take note of a picture or frame."""
        from shared.vision.media import is_video

        if is_video(Path(analysis.source)):
            counts = self._videos.setdefault(analysis.source, Counter())
            counts.update(["frames"])
            counts.update(face.emotion if face.certain else "uncertain" for face in analysis.faces)
        elif not analysis.faces:
            self._pictures.append((analysis.source, "", "no face", "", ""))
        else:
            self._pictures += _rows(analysis)

    def close(self) -> None:
        """Print what came together."""
        self._print(("picture", "face", "emotion", "probability", "box"), self._pictures)
        rows = [
            (source, str(counts.pop("frames")), str(counts.total()), _ranking(counts))
            for source, counts in self._videos.items()
        ]
        self._print(("video", "frames", "faces", "emotions"), rows)

    @staticmethod
    def _print(headings: tuple[str, ...], rows: list[Any]) -> None:
        from rich.table import Table
        from rich.text import Text

        if not rows:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in headings:
            table.add_column(heading)
        for row in rows:
            table.add_row(*map(Text, row))
        console().print(table)


def _rows(analysis: "Analysis") -> Iterator[tuple[str, ...]]:
    for number, face in enumerate(analysis.faces, start=1):
        emotion = face.emotion if face.certain else f"{face.emotion}?"
        box = ", ".join(f"{value:.0f}" for value in face.box)
        yield (analysis.source, str(number), emotion, f"{face.probabilities[face.emotion]:.2f}", box)


def _ranking(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {emotion}" for emotion, count in counts.most_common())
