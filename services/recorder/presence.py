"""Who is there: counts each track once a minute, so that one lingering face is one person."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shared.messages import MAX_AREAS

MAX_ZONES: Final = MAX_AREAS
"""Zones of a camera that are counted in one minute, whatever they were renamed to: its counts stay few."""
EVERYWHERE: Final = ""
"""The camera's whole picture, among the zones."""


class Presence:
    """The tracks that one camera and each of its zones had in this minute and in the one before.

    A track counts once in each minute in which it is seen: as `stayed` if the minute before had seen it there
    too, else as `arrived`. A stretch of minutes then had those who `stayed` in its first one and all who
    `arrived`: everybody once.
    """

    def __init__(self) -> None:
        self._minute = 0
        self._now: dict[str, set[int]] = {}
        self._before: dict[str, set[int]] = {}

    def see(self, minute: int, places: Mapping[str, Iterable[int]]) -> dict[str, dict[str, int]]:
        """Return place → {arrived, stayed}: the tracks that this minute had not seen there yet.

        Args:
            minute: minutes since 1970 of a frame's capture.
            places: zone (or `EVERYWHERE`) → tracks of the frame's faces; those over `MAX_ZONES` are left out.
        """
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else {}
            self._minute, self._now = minute, {}
        seen: dict[str, dict[str, int]] = {}
        for place, tracks in places.items():
            if place not in self._now and len(self._now) > MAX_ZONES:
                continue
            known, before = self._now.setdefault(place, set()), self._before.get(place, set())
            counts = seen.setdefault(place, {})
            for track in tracks:
                if track not in known:
                    known.add(track)
                    name = "stayed" if track in before else "arrived"
                    counts[name] = counts.get(name, 0) + 1
        return seen


def places_of(tracks: Sequence[int], zones: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Return place → tracks of one frame's faces.

    Args:
        tracks: of each face.
        zones: of each face, the names of the zones that it is in.
    """
    places: dict[str, list[int]] = {EVERYWHERE: list(tracks)} if tracks else {}
    for track, names in zip(tracks, zones, strict=True):
        for name in names:
            places.setdefault(name, []).append(track)
    return places
