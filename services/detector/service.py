"""The detector's step: a frame in, its faces as crops out (or the result at once, if it has none)."""

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.detector.decode import decode_frame
from services.detector.preview import pack_crops, render
from shared.config import DetectorSettings
from shared.errors import DecodeError
from shared.frame_memory import FrameReader
from shared.messages import CROP_SIDE, Encoding, Face, Faces, Frame, FrameHeader, Preview, Result, Scope
from shared.topology import crop_topic, preview_topic
from shared.vision.align import FER_BOX, crop_face
from shared.vision.areas import faces_in_scope, zones_of
from shared.vision.faces import Detector, FoundFace, load_detector, select_faces
from shared.work import Out, Publish, Reject, Reply, Work

Image = NDArray[np.uint8]

WARM_UP_SIZE: Final = (480, 640, 3)


class DetectorService:
    """Finds faces, cuts crops, relays previews; keeps nothing between frames.

    Args:
        settings: weights, width, score, smallest face, clearest preview.
        detector: None: the best that this machine can run, loaded at warm-up.
        facts: gets the name of the detector in use, its clearest preview, and how it could be faster.
    """

    def __init__(
        self,
        settings: DetectorSettings,
        detector: Detector | None = None,
        facts: MutableMapping[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._given = detector
        self._facts = {} if facts is None else facts
        self._detector: Detector
        self._memories = FrameReader()

    def warm_up(self) -> None:
        """Load the network and run it once."""
        self._detector = self._given or load_detector(self._settings)
        self._detector.detect(np.zeros(WARM_UP_SIZE, np.uint8))
        self._facts.update(detector=self._detector.name, preview=self._settings.preview)
        if self._detector.remedy:
            self._facts["remedy"] = self._detector.remedy

    def step(self, work: Sequence[Work], now: float) -> Iterator[Out]:
        """Answer each frame; one that can't be decoded is rejected."""
        for job in work:
            yield from self._answer(job)

    def idle(self, now: float) -> Iterable[Out]:
        """Nothing becomes due by time."""
        return ()

    def _answer(self, job: Work) -> Iterator[Out]:
        header = job.message.header
        if not isinstance(header, Frame):
            yield Reject(job.id, f"a detector works on frames, not on {header.kind.decode()}")
            return
        try:
            outs = self._look(job, header)
        except DecodeError as error:
            yield Reject(job.id, str(error))
            return
        yield from outs

    def _look(self, job: Work, header: Frame) -> list[Out]:
        frame = decode_frame(header, job.message.payload[0], self._memories)
        found = self._detector.detect(frame)
        reply = self._reply(job, header, frame, found)
        outs: list[Out] = [reply]
        if job.crops and self._settings.preview == "clear":
            outs.append(Publish(crop_topic(header.camera), pack_crops(header, b"".join(reply.payload))))
        outs += self._previews(job.previews, header, frame, found)
        if header.encoding is Encoding.SHARED and not self._memories.is_intact(header):
            raise DecodeError("the frame was overwritten by its source while it was looked at")
        return outs

    def _reply(self, job: Work, header: Frame, frame: Image, found: list[FoundFace]) -> Reply:
        scope, size = header.scope or Scope(), (header.width, header.height)
        counted = faces_in_scope(found, scope, size)
        faces, excess = select_faces(counted, scope.min_face or self._settings.min_face)
        about = {name: getattr(header, name) for name in FrameHeader.__struct_fields__}
        if not faces:
            return Reply(job.id, Result(**about, detector=self._detector.name))
        crops = np.empty((len(faces), CROP_SIDE, CROP_SIDE), np.uint8)
        for crop, face in zip(crops, faces, strict=True):
            crop[:] = crop_face(frame, face.box, face.landmarks, FER_BOX)
        described = tuple(
            Face(
                box=face.box,
                score=face.score,
                landmarks=face.landmarks,
                zones=zones_of(face, scope.zones, size),
            )
            for face in faces
        )
        out = Faces(**about, detector=self._detector.name, crop=FER_BOX.name, faces=described, excess=excess)
        return Reply(job.id, out, (crops.data.cast("B"),))

    def _previews(
        self, asked: frozenset[Preview], header: Frame, frame: Image, found: list[FoundFace]
    ) -> Iterator[Publish]:
        """Show what was asked for, but clear only if this detector's own setting allows it."""
        for preview in asked:
            blurred = preview is not Preview.CLEAR
            if blurred or self._settings.preview == "clear":
                shown = render(header, frame, found, blurred=blurred)
                yield Publish(preview_topic(header.camera, preview), shown)
