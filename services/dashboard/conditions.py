"""Whether a webhook's condition holds on one camera: pure, from results, camera states and the time given."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from shared.config import WebhookSettings
from shared.emotions import UNCERTAIN
from shared.records import CameraState, WebhookState

COVERED: Final = 0.8
"""So much of the time must have been seen (for an emotion: with a face in it) before anything is said."""
MAX_GAP_NS: Final = 5_000_000_000
"""A frame stands for the time since the frame before, but for no more than this."""


class Frame(NamedTuple):
    """What a condition knows of a frame."""

    captured_ns: int
    gap_ns: int
    """Time it stands for."""
    labels: tuple[str, ...]
    """Emotion, or `uncertain`, of each face that counts."""
    tracks: tuple[int, ...]


class Seen(NamedTuple):
    """What a condition is about, now; shares never without how much they rest on."""

    value: float
    """Share of the emotion, mean number of faces, or seconds without a picture."""
    face_seconds: float
    people: int
    """Different tracks."""
    enough: bool
    """Whether enough of the time was seen to say anything."""


class Change(NamedTuple):
    """A condition has begun or ended to hold."""

    event: Literal["began", "ended"]
    state: WebhookState
    seen: Seen


class Condition:
    """One webhook's condition on one camera.

    Args:
        settings: of the webhook.
        state: what was last said of it; None: nothing yet.
    """

    def __init__(self, settings: WebhookSettings, state: WebhookState | None = None) -> None:
        self.settings = settings
        self._state = state or WebhookState(began_ns=0, holds=False)
        self._lasts_ns = int(settings.lasts * 1e9)
        self._frames: deque[Frame] = deque()
        self._last_ns = 0
        self._watched_ns = self._occupied_ns = 0
        self._time: Counter[str] = Counter()
        self._tracks: Counter[int] = Counter()
        self._down_since_ns: int | None = None

    def add(self, result: Mapping[str, Any]) -> None:
        """Take a recorded result, as it lies in Redis; one older than the last is left out."""
        captured_ns = int(result["captured_ns"])
        if captured_ns <= self._last_ns:
            return
        gap_ns = min(captured_ns - self._last_ns, MAX_GAP_NS) if self._last_ns else 0
        self._last_ns = captured_ns
        faces = [face for face in result["faces"] if self._counts(face)]
        frame = Frame(
            captured_ns,
            gap_ns,
            tuple(face["emotion"] if face["certain"] else UNCERTAIN for face in faces),
            tuple(face["track"] for face in faces),
        )
        self._frames.append(frame)
        self._weigh(frame, 1)

    def judge(self, now_ns: int, camera: CameraState | None) -> Change | None:
        """Return what has changed by now (wall clock), None for nothing; it is said once.

        Args:
            now_ns: as `captured_ns` is measured.
            camera: what its capture process says; None: no process runs it.
        """
        while self._frames and self._frames[0].captured_ns <= now_ns - self._lasts_ns:
            self._weigh(self._frames.popleft(), -1)
        seen = self._lost(now_ns, camera) if self.settings.when == "lost" else self._faces()
        holds = seen.enough and self._is_above(seen.value)
        if holds == self._state.holds:
            return None
        if holds and now_ns - self._state.began_ns < self.settings.quiet * 1e9:
            return None
        began_ns = now_ns if holds else self._state.began_ns
        self._state = WebhookState(began_ns=began_ns, holds=holds)
        return Change("began" if holds else "ended", self._state, seen)

    def _counts(self, face: Mapping[str, Any]) -> bool:
        return self.settings.zone is None or self.settings.zone in face.get("zones", ())

    def _weigh(self, frame: Frame, sign: int) -> None:
        """Add what a frame says, or take it away again; in whole ns, so that nothing is left over."""
        self._watched_ns += sign * frame.gap_ns
        if frame.labels:
            self._occupied_ns += sign * frame.gap_ns
        for label in frame.labels:
            self._time[label] += sign * frame.gap_ns
        for track in frame.tracks:
            self._tracks[track] += sign
            if not self._tracks[track]:
                del self._tracks[track]

    def _faces(self) -> Seen:
        total_ns = self._time.total()
        if self.settings.when == "emotion":
            share_of, whole, covered = self._time[self.settings.emotion or ""], total_ns, self._occupied_ns
        else:
            share_of, whole, covered = total_ns, self._watched_ns, self._watched_ns
        value = share_of / whole if whole else 0.0
        return Seen(value, total_ns / 1e9, len(self._tracks), covered >= COVERED * self._lasts_ns)

    def _lost(self, now_ns: int, camera: CameraState | None) -> Seen:
        if camera is not None and camera.state in ("live", "ended", "paused"):
            self._down_since_ns = None
            return Seen(0.0, 0.0, 0, False)
        if self._down_since_ns is None:
            self._down_since_ns = now_ns
        seconds = (now_ns - self._down_since_ns) / 1e9
        # Who took over from another dashboard has not watched for so long yet: what holds, holds on.
        return Seen(seconds, 0.0, 0, seconds >= self.settings.lasts or self._state.holds)

    def _is_above(self, value: float) -> bool:
        return self.settings.above is None or value > self.settings.above
