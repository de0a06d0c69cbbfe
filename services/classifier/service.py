"""The classifier's step: crops of several frames in, one result with readings per frame out."""

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.classifier.backend import Backend
from services.classifier.follow import ModelFollower
from shared.messages import CROP_SIDE, Face, Faces, FrameHeader, Reading, Result
from shared.vision.align import FER_BOX
from shared.work import Out, Reject, Reply, Work

CROWD: Final = 32
"""Faces that go through the network before the first answer: 64 on each of 16 frames would take longer than
a worker may take without one."""
DECIMALS = 5
"""Of probabilities in results: seven rounded ones still sum to 1 within 1e-4."""


class ClassifierService:
    """Predicts emotions; the model may change between two batches.

    Args:
        models: gives the model at warm-up and each later one.
        facts: gets hash, backend and device of the model in use.
    """

    def __init__(self, models: ModelFollower, facts: MutableMapping[str, Any] | None = None) -> None:
        self._models = models
        self._facts = {} if facts is None else facts
        self._backend: Backend

    def warm_up(self) -> None:
        """Load the configured model and run it once."""
        self._use(self._models.start())

    def step(self, work: Sequence[Work], now: float) -> Iterator[Out]:
        """Answer each frame; crops of several go through the network together, but not a crowd's at once."""
        fresh = self._models.take()
        if fresh:
            self._use(fresh)
        accepted: list[tuple[Work, Faces]] = []
        for job in work:
            header = job.message.header
            if isinstance(header, Faces) and header.crop == FER_BOX.name:
                accepted.append((job, header))
            else:
                yield Reject(job.id, _refusal(header))
        for some in _in_groups(accepted):
            yield from self._classify(some)

    def idle(self, now: float) -> Iterable[Out]:
        """Nothing becomes due by time."""
        return ()

    def _use(self, backend: Backend) -> None:
        self._backend = backend
        self._facts.update(
            model=backend.sha12,
            model_name=backend.model_name,
            backend=backend.name,
            device=backend.device,
            provisional=backend.provisional,
        )

    def _classify(self, jobs: Sequence[tuple[Work, Faces]]) -> Iterator[Reply]:
        blocks = [np.frombuffer(job.message.payload[0], np.uint8) for job, _ in jobs]
        block = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        probabilities = self._backend.predict(block.reshape(-1, CROP_SIDE, CROP_SIDE))
        start = 0
        for job, header in jobs:
            end = start + len(header.faces)
            yield Reply(job.id, self._result(header, probabilities[start:end]))
            start = end

    def _result(self, header: Faces, probabilities: NDArray[np.float32]) -> Result:
        backend = self._backend
        about = {name: getattr(header, name) for name in FrameHeader.__struct_fields__}
        rows = zip(header.faces, probabilities.astype(float), strict=True)
        return Result(
            **about,
            detector=header.detector,
            model=backend.sha12,
            backend=backend.name,
            labels=backend.labels,
            faces=tuple(read(face, row, backend.labels, backend.uncertain_threshold) for face, row in rows),
            excess=header.excess,
        )


def read(face: Face, probabilities: NDArray[np.float64], labels: Sequence[str], threshold: float) -> Reading:
    """Return a face with its (K,) probabilities, its likeliest emotion, and whether that is certain."""
    best = int(probabilities.argmax())
    return Reading(
        box=face.box,
        score=face.score,
        landmarks=face.landmarks,
        zones=face.zones,
        emotion=labels[best],
        certain=bool(probabilities[best] >= threshold),
        probabilities=tuple(np.round(np.clip(probabilities, 0, 1), DECIMALS).tolist()),
    )


def _in_groups(jobs: Sequence[tuple[Work, Faces]]) -> Iterator[Sequence[tuple[Work, Faces]]]:
    """Give the jobs in order, each time as many as hold `CROWD` faces together, at least one."""
    group: list[tuple[Work, Faces]] = []
    faces = 0
    for job in jobs:
        if group and faces + len(job[1].faces) > CROWD:
            yield group
            group, faces = [], 0
        group.append(job)
        faces += len(job[1].faces)
    if group:
        yield group


def _refusal(header: object) -> str:
    if isinstance(header, Faces):
        return f"crops are framed as {header.crop[:40]}, this classifier wants {FER_BOX.name}"
    return f"a classifier works on faces, not on {type(header).__name__}"
