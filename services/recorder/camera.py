"""What a recorder remembers of one camera: its order, its tracks, and who was there."""

from collections.abc import Sequence
from typing import Final

from services.recorder.counts import Sighting, sighting
from services.recorder.ordering import Order
from services.recorder.presence import Presence, places_of
from services.recorder.smoothing import Smoother
from services.recorder.tracks import Tracker
from shared.messages import Result

QUIET_SECONDS: Final = 3.0
"""A camera that was quiet so long is forgotten: it may have another recorder, or come back from one."""
REVIEW_SECONDS: Final = 5.0
"""How often the ledger is looked at for what another recorder left open."""
RELOAD_SECONDS: Final = 1.0
"""How often where something is missing."""


class Camera:
    """What a recorder remembers of a camera."""

    def __init__(self, name: str, order: Order, tracker: Tracker, smoother: Smoother, now: float) -> None:
        self.name, self.order, self.tracker, self.smoother = name, order, tracker, smoother
        self.presence = Presence()
        self.heard_at = self.reviewed_at = now

    def is_quiet(self, now: float) -> bool:
        """Nothing was heard of it for a while."""
        return now - self.heard_at > QUIET_SECONDS

    def is_review_due(self, now: float) -> bool:
        """The ledger is to be looked at: from time to time, and sooner where frames seem to be missing."""
        soon = self.is_quiet(now) or self.order.is_waiting
        return now - self.reviewed_at > (RELOAD_SECONDS if soon else REVIEW_SECONDS)

    def follow(self, result: Result) -> list[Sighting]:
        """Return each face followed and smoothed."""
        seconds = _seconds(result)
        tracks = self.tracker.follow([face.box for face in result.faces], seconds)
        sightings = []
        for track, face in zip(tracks, result.faces, strict=True):
            seen = self.smoother.last_seen(track)
            smoothed = self.smoother.smooth(track, face.probabilities, seconds)
            sightings.append(
                sighting(result.labels, track, smoothed, None if seen is None else seconds - seen)
            )
        self.smoother.keep(self.tracker.numbers)
        return sightings

    def see(self, result: Result, minute: int, sightings: Sequence[Sighting]) -> dict[str, dict[str, int]]:
        """Return who of a frame's faces this minute had not seen yet, by place."""
        tracks = [seen.track for seen in sightings]
        return self.presence.see(minute, places_of(tracks, [face.zones for face in result.faces]))


def _seconds(result: Result) -> float:
    """Return a frame's time for tracking: its place in a recorded video, else the wall clock."""
    if not result.live and result.media_seconds is not None:
        return result.media_seconds
    return result.captured_ns / 1e9
