"""Pictures and videos with boxes and labels drawn, written into a folder as `mien analyze` goes along."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import cv2
import numpy as np

from shared.errors import ConfigError
from shared.vision import Analysis, annotate
from shared.vision.media import Image, Video, is_video

CODEC: Final = "mp4v"


class AnnotatedFolder:
    """Writes annotated pictures as NAME.png or .jpg and videos as NAME.mp4; use it in a `with` statement.

    Everything is written aside first, so no half-written file carries a final name.

    Args:
        folder: created if missing.
        stride: every how manieth frame of a video comes.
        sources: the files that will come.

    Raises:
        ConfigError: the folder can't be written, or holds one of the sources.
    """

    def __init__(self, folder: Path, stride: int, sources: Iterable[Path]) -> None:
        self._folder, self._stride = folder, stride
        self._names: dict[str, Path] = {}
        self._video: tuple[str, Path, Any] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--annotate {folder}: {error.strerror}") from None
        if folder.resolve() in _folders(sources):  # copies would take the originals' names
            raise ConfigError(f"--annotate: {folder} holds what is analyzed; choose another folder")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._finish_video()
        elif self._video:
            self._video[2].release()
            with suppress(OSError):
                self._aside(self._video[1]).unlink()

    def add(self, picture: Image, analysis: Analysis) -> None:
        """Draw one picture or frame and write it."""
        drawn = annotate(picture, analysis.faces)
        source = Path(analysis.source)
        if self._video and self._video[0] != analysis.source:
            self._finish_video()
        if is_video(source):
            self._add_frame(drawn, analysis.source)
        else:
            self._write_picture(drawn, self._target(source, source.suffix.lower()))

    def _write_picture(self, drawn: Image, target: Path) -> None:
        if not cv2.haveImageWriter(str(target)):
            target = target.with_suffix(".png")
        aside = self._aside(target)
        if not cv2.imwrite(str(aside), drawn):
            raise ConfigError(f"--annotate: can't write {target}: is the folder writable, the disk full?")
        aside.replace(target)

    def _add_frame(self, drawn: Image, source: str) -> None:
        if self._video is None:
            target = self._target(Path(source), ".mp4")
            size = (drawn.shape[1], drawn.shape[0])
            rate = Video(Path(source)).fps / self._stride
            writer = cv2.VideoWriter(str(self._aside(target)), cv2.VideoWriter.fourcc(*CODEC), rate, size)
            if not writer.isOpened():
                raise ConfigError(f"--annotate: can't write {target}: is the folder writable?")
            self._video = (source, target, writer)
        self._video[2].write(np.ascontiguousarray(drawn))

    def _finish_video(self) -> None:
        if self._video:
            _, target, writer = self._video
            writer.release()
            self._aside(target).replace(target)
            self._video = None

    def _target(self, source: Path, suffix: str) -> Path:
        """Return where a source goes; a second source of the same name gets a number."""
        name, number = f"{source.stem}{suffix}", 1
        while self._names.setdefault(name, source) != source:
            number += 1
            name = f"{source.stem}-{number}{suffix}"
        return self._folder / name

    @staticmethod
    def _aside(target: Path) -> Path:
        return target.with_name(f".draft-{target.name}")


def _folders(files: Iterable[Path]) -> set[Path]:
    """Return the folders that hold files; with a link's, that of what it points to."""
    return {folder for file in files for folder in (file.parent.resolve(), file.resolve().parent)}
