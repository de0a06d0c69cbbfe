"""`POST /api/analyze`: emotions in pictures that are sent, by the model the cameras use; nothing is kept."""

import asyncio
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import imagesize
from fastapi import APIRouter, HTTPException, Request, Response
from msgspec import Struct

from services.dashboard.access import NEED_VIEWER
from services.dashboard.api import as_json
from services.dashboard.openapi import answer, errors
from services.dashboard.uploads import MAX_PICTURES, MAX_UPLOAD_BYTES, UPLOAD_SECONDS, Upload, read_uploads
from shared import process
from shared.config import Settings
from shared.errors import MienError, SourceError
from shared.store import Store
from shared.vision.analysis_records import Analysis

if TYPE_CHECKING:  # OpenCV, ONNX Runtime and LiteRT take 150 MB: only who sends a picture pays for them
    from shared.vision.analysis import Analyzer

MAX_PIXELS: Final = 50_000_000
"""Of one picture: what a telephone of today takes."""
MAX_REQUESTS: Final = 4
"""Requests at once: one is worked on, the others' pictures wait in memory."""
RETRY_SECONDS: Final = 2

router = APIRouter(tags=["analyze"])


class Answer(Struct, frozen=True):
    """What analyzing gives."""

    pictures: list[Analysis]


class PictureReader:
    """Analyzes pictures in a thread of its own, one after the other.

    Args:
        load: returns the analyzer; called in that thread for each request, so it keeps what it has loaded.
    """

    def __init__(self, load: "Callable[[], Analyzer]") -> None:
        self._load = load
        self._requests = 0
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analyze")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the few places, from before the pictures are read.

        Raises:
            HTTPException: 429, all are taken.
        """
        if self._requests >= MAX_REQUESTS:
            raise HTTPException(
                429,
                f"{MAX_REQUESTS} requests are being analyzed; try again in {RETRY_SECONDS} s",
                {"Retry-After": str(RETRY_SECONDS)},
            )
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    async def analyze(self, uploads: Sequence[Upload]) -> list[Analysis]:
        """Return an analysis of each; of a picture that can't be read, one with its `error`.

        Raises:
            MienError: the detector or the model can't be loaded.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, uploads)

    def close(self) -> None:
        """Give up what is not begun."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, uploads: Sequence[Upload]) -> list[Analysis]:
        analyzer = self._load()
        return [_analyze(upload, analyzer) for upload in uploads if not self._closed]


def _analyze(upload: Upload, analyzer: "Analyzer") -> Analysis:
    from shared.vision.media import decode_picture

    try:
        check_size(upload)
        picture = decode_picture(upload.data, upload.name)
    except SourceError as error:
        return Analysis(source=upload.name, error=str(error))
    return analyzer.analyze_picture(picture, upload.name).analysis


def check_size(upload: Upload) -> None:
    """Refuse a picture whose header says that it would fill the memory.

    Raises:
        SourceError: it has too many pixels, or it is no picture.
    """
    try:
        width, height = imagesize.get(io.BytesIO(upload.data))
    except ValueError:  # a broken header
        width, height = -1, -1
    if width <= 0 or height <= 0:
        raise SourceError(f"{upload.name} is damaged, or not a picture that can be read: send JPEG or PNG")
    if width * height > MAX_PIXELS:
        raise SourceError(
            f"{upload.name} has {width}x{height} pixels; at most {MAX_PIXELS // 1_000_000} million are read"
        )


def analyzer_of(store: Store, settings: Settings) -> "Callable[[], Analyzer]":
    """Return what loads the analyzer, with the model chosen for the stack, else the configured one."""
    loaded: dict[str | None, Analyzer] = {}

    def load() -> "Analyzer":
        chosen = store.wanted().model
        if chosen not in loaded:
            process.prepare(settings.detector.threads)
            from shared.vision.analysis import Analyzer

            model = {"model": chosen} if chosen else {}
            classifier = settings.classifier.model_copy(update=model)
            analyzer = Analyzer.load(settings.model_copy(update={"classifier": classifier}))
            loaded.clear()
            loaded[chosen] = analyzer
        return loaded[chosen]

    return load


_EXAMPLE: Final = {
    "pictures": [
        {
            "source": "people.jpg",
            "frame": 0,
            "seconds": 0.0,
            "width": 512,
            "height": 512,
            "faces": [
                {
                    "box": [177.5, 65.2, 91.0, 111.3],
                    "score": 0.93,
                    "landmarks": [201.0, 108.4, 243.9, 107.7, 225.1, 134.0, 204.6, 150.2, 241.7, 149.5],
                    "emotion": "happy",
                    "certain": True,
                    "probabilities": {
                        "angry": 0.01,
                        "disgust": 0.0,
                        "fear": 0.01,
                        "happy": 0.94,
                        "sad": 0.01,
                        "surprise": 0.02,
                        "neutral": 0.01,
                    },
                }
            ],
            "excess": 0,
            "error": "",
        }
    ]
}
_BINARY: Final = {"type": "string", "format": "binary"}
_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"pictures": {"type": "array", "items": _BINARY, "maxItems": MAX_PICTURES}},
            }
        },
        "image/*": {"schema": _BINARY},
    },
}


@router.post(
    "/api/analyze",
    summary="Read the emotions in pictures",
    dependencies=[NEED_VIEWER],
    responses={
        **answer(
            Answer, _EXAMPLE, "One analysis per picture, in the order they were sent; its faces largest first"
        ),
        **errors(
            {
                400: "The form can't be read, or has no file",
                408: f"The upload took more than {UPLOAD_SECONDS:.0f} s",
                413: f"More than {MAX_UPLOAD_BYTES} bytes, or more than {MAX_PICTURES} pictures",
                422: "None of the pictures can be read",
                429: f"{MAX_REQUESTS} requests are being analyzed; `Retry-After` says when to try again",
                503: "The detector or the model can't be loaded",
            }
        ),
    },
    openapi_extra={"requestBody": _BODY},
)
async def analyze(request: Request) -> Response:
    """Send one picture as the body, or up to 16 as a form (`multipart/form-data`), 32 MiB in all.

    JPEG, PNG, WebP, AVIF, BMP, GIF (its first picture) and TIFF are read, up to 50 million pixels each. One
    of several that can't be read gets an analysis with an `error`; the others are analyzed. Nothing is
    stored. The first request takes seconds longer: it loads detector and model.
    """
    reader: PictureReader = request.app.state.pictures
    with reader.place():
        uploads = await read_uploads(request)
        try:
            found = await reader.analyze(uploads)
        except MienError as error:
            raise HTTPException(503, str(error)) from None
    if all(analysis.error for analysis in found):
        raise HTTPException(422, "; ".join(analysis.error for analysis in found))
    return as_json(Answer(found))
