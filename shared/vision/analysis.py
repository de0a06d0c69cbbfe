"""Emotions in pictures, folders and videos without a running stack, for `mien analyze` and Python code."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared.artefact import DEFAULT_ARTEFACT, load_artefact
from shared.config import Settings, load_settings
from shared.errors import SourceError
from shared.vision.align import crop_face
from shared.vision.analysis_records import Analysis, FaceAnalysis
from shared.vision.faces import Detector, FoundFace, load_detector, select_faces
from shared.vision.media import Image, Video, as_picture, is_video, list_media, read_picture
from shared.vision.predict import Predictor


class Analyzed(NamedTuple):
    """A picture with its analysis; the picture is None where it could not be read."""

    picture: Image | None
    analysis: Analysis


class Analyzer:
    """A detector and a predictor, loaded once for any number of pictures.

    Args:
        detector: finds faces.
        predictor: reads them.
        min_face: narrower faces are left out, in pixels.
    """

    def __init__(self, detector: Detector, predictor: Predictor, min_face: int) -> None:
        self.detector = detector
        self.predictor = predictor
        self._min_face = min_face

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Return one as the settings `detector` and `classifier` say.

        Raises:
            MienError: the weights or the model can't be used.
        """
        classifier = settings.classifier
        artefact = load_artefact(classifier.model or DEFAULT_ARTEFACT)
        predictor = Predictor(artefact, classifier.file, classifier.threads)
        return cls(load_detector(settings.detector), predictor, settings.detector.min_face)

    def read_faces(self, picture: Image) -> tuple[tuple[FaceAnalysis, ...], int]:
        """Return the faces of a (H, W, 3) uint8 picture (blue, green, red), and how many are beyond 64."""
        found, excess = select_faces(self.detector.detect(picture), self._min_face)
        if not found:
            return (), excess
        crops = np.stack([crop_face(picture, face.box, face.landmarks) for face in found])
        rows = self.predictor.predict(crops)
        return tuple(self._read(face, row) for face, row in zip(found, rows, strict=True)), excess

    def analyze_picture(
        self, picture: Image, source: str = "", frame: int = 0, seconds: float = 0.0
    ) -> Analyzed:
        """Return a (H, W, 3) uint8 picture with its analysis."""
        faces, excess = self.read_faces(picture)
        height, width = picture.shape[:2]
        about = Analysis(
            source=source,
            frame=frame,
            seconds=seconds,
            width=width,
            height=height,
            faces=faces,
            excess=excess,
        )
        return Analyzed(picture, about)

    def _read(self, face: FoundFace, row: NDArray[np.float32]) -> FaceAnalysis:
        best = int(row.argmax())
        probabilities = np.round(row.astype(float), 5).tolist()
        return FaceAnalysis(
            box=face.box,
            score=face.score,
            landmarks=face.landmarks,
            emotion=self.predictor.labels[best],
            certain=bool(row[best] >= self.predictor.uncertain_threshold),
            probabilities=dict(zip(self.predictor.labels, probabilities, strict=True)),
        )


class PathAnalysis:
    """The analysis of a picture, a video, or a folder of both; iterate over it once.

    Args:
        path: what to analyze.
        analyzer: with what.
        stride: every how manieth frame of a video.

    Attributes:
        files: the pictures and videos that it is about.

    Raises:
        SourceError: nothing there, out of reach, or a folder without pictures and videos.
    """

    def __init__(self, path: Path, analyzer: Analyzer, stride: int = 1) -> None:
        if not _exists(path):
            raise SourceError(f"can't read {path}: no such file or folder")
        self._analyzer = analyzer
        self._stride = stride
        self._in_folder = path.is_dir()
        self.files = list_media(path) if self._in_folder else [path]

    @functools.cached_property
    def total(self) -> int:
        """How many analyses there will be, as far as the files' own headers say."""
        return sum(self._count(file) for file in self.files)

    def __iter__(self) -> Iterator[Analyzed]:
        """Analyze one picture or frame after another.

        The rest of a video that can't be read gives an analysis with its error. So does a file of a folder,
        and the next one follows.

        Raises:
            SourceError: the path is a single file of which nothing can be read.
        """
        for file in self.files:
            begun = False
            try:
                for analyzed in self._analyze_file(file):
                    begun = True
                    yield analyzed
            except SourceError as error:
                if not self._in_folder and not begun:
                    raise
                yield Analyzed(None, Analysis(source=str(file), error=str(error)))

    def _analyze_file(self, file: Path) -> Iterator[Analyzed]:
        if not is_video(file):
            yield self._analyzer.analyze_picture(read_picture(file), str(file))
            return
        for frame in Video(file).read(self._stride):
            yield self._analyzer.analyze_picture(
                frame.picture, str(file), frame.number, round(frame.seconds, 3)
            )

    def _count(self, file: Path) -> int:
        if not is_video(file):
            return 1
        try:
            return max(1, -(-Video(file).frames // self._stride))
        except SourceError:
            return 1


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # such as a folder on the way that is closed to us
        raise SourceError(f"can't read {path}: {error.strerror}") from None


def analyze_path(path: str | Path, analyzer: Analyzer, stride: int = 1) -> PathAnalysis:
    """Return the analysis of a picture, video or folder, to iterate over; its `total` is for progress bars.

    Raises:
        SourceError: nothing there, out of reach, or a folder without pictures and videos.
    """
    return PathAnalysis(Path(path), analyzer, stride)


Source = str | Path | NDArray[Any]


def analyze(
    source: Source | Sequence[Source], stride: int = 1, settings: Settings | None = None
) -> list[Analysis]:
    """Find the faces in pictures and videos and read their emotions.

    Args:
        source: a picture, video or folder by its path; an array as OpenCV reads it, (H, W, 3) uint8 blue,
        green, red (grey, alpha and uint16 work too); or a list of any of these.
        stride: every how manieth frame of a video.
        settings: detection width, scores, model and so on; None: from the environment, else the defaults. The
            detector and the model are loaded once per settings.

    Returns:
        One analysis per picture and per video frame, in order.

    Raises:
        SourceError: nothing of a picture or video can be read (in a folder, its analysis has the error
            instead, as has the last one of a video that breaks off).
        MienError: the detector's weights or the model can't be used.
    """
    analyzer = load_analyzer(settings)
    sources = source if isinstance(source, list | tuple) else [source]
    return [analyzed.analysis for each in sources for analyzed in _analyze_one(each, analyzer, stride)]


def _analyze_one(source: Any, analyzer: Analyzer, stride: int) -> Iterator[Analyzed]:
    if isinstance(source, np.ndarray):
        yield analyzer.analyze_picture(as_picture(source))
    elif isinstance(source, str | Path):
        yield from analyze_path(source, analyzer, stride)
    else:
        raise SourceError(
            f"can't analyze a {type(source).__name__}: give a path, an array, or a list of them"
        )


_loaded: dict[str, Analyzer] = {}


def load_analyzer(settings: Settings | None = None) -> Analyzer:
    """Return the analyzer of these settings, loaded when they are first seen."""
    settings = settings or load_settings()
    key = settings.detector.model_dump_json() + settings.classifier.model_dump_json()
    if key not in _loaded:
        _loaded[key] = Analyzer.load(settings)
    return _loaded[key]
