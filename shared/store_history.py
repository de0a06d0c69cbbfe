"""The store's reading side: results and counts of a stretch of time, in bounded steps."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import msgspec

from shared import keys, layout
from shared.records import TimedFrame
from shared.store_connection import Guard

PAGE: Final = 200
"""Results read in one round trip: well within the timeout."""
PAGE_HASHES: Final = 24
"""Hashes of counts read in one round trip: some 40,000 fields at most."""
WRITE_DELAY_MS: Final = 10_000
"""A result is written at most so long after its capture, in practice: how far to read on past `until`."""

_timed = msgspec.json.Decoder(TimedFrame)


class History:
    """What was recorded of cameras."""

    _client: Any
    _calls: Guard

    def latest(self, camera: str) -> dict[str, Any] | None:
        """Return the newest result, None if there is none."""
        with self._calls():
            value = self._client.get(keys.latest(camera))
        return json.loads(value) if value else None

    def results(
        self,
        camera: str,
        since_ns: int = 0,
        until_ns: int | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Give results captured in [since, until) in the order of their writing, each with its stream `id`.

        Args:
            camera: its name.
            since_ns: wall clock at capture.
            until_ns: None: no end.
            limit: at most so many.
            after: a result's `id`, to go on behind it.
        """
        given = 0
        for entry_id, document in self._documents(camera, since_ns, until_ns, after):
            result: dict[str, Any] = msgspec.json.decode(document)
            if since_ns <= result["captured_ns"] < (until_ns or 2**63):
                yield {"id": entry_id, **result}
                given += 1
                if given == limit:
                    return

    def timed_frames(self, camera: str, since_ns: int, until_ns: int) -> Iterator[TimedFrame]:
        """Give what the timeline needs of the results captured in [since, until), in the order of writing."""
        for _, document in self._documents(camera, since_ns, until_ns):
            frame = _timed.decode(document)
            if since_ns <= frame.captured_ns < until_ns:
                yield frame

    def _documents(
        self, camera: str, since_ns: int, until_ns: int | None, after: str | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Give stream id and JSON of what was written in a stretch of time or soon after it, page by page."""
        start = f"({after}" if after else str(max(since_ns, 0) // 1_000_000)
        end = "+" if until_ns is None else str(until_ns // 1_000_000 + WRITE_DELAY_MS)
        while True:
            with self._calls():
                page = self._client.xrange(keys.results(camera), start, end, count=PAGE)
            for entry_id, fields in page:
                yield entry_id.decode(), fields[b"json"]
            if len(page) < PAGE:
                return
            start = f"({page[-1][0].decode()}"

    def first_hour(self, camera: str, since_hour: int, until_hour: int) -> int | None:
        """Return the first hour in [since, until) of which anything was counted, None if there is none."""
        days = range(since_hour // 24, (until_hour + 23) // 24)
        with self._calls(), self._client.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.exists(keys.day(camera, day))
            known = [day for day, found in zip(days, pipe.execute(), strict=True) if found]
        for day in known:
            rows = self.hours(camera, max(since_hour, day * 24), min(until_hour, day * 24 + 24))
            if rows:
                return int(rows[0]["hour"])
        return None

    def has_minutes(self, camera: str, unix_hour: int) -> bool:
        """Tell whether anything was counted in an hour (since 1970), and is still kept."""
        with self._calls():
            return bool(self._client.exists(keys.hour(camera, unix_hour)))

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        """Return the counts of each minute in [since, until) that has any (minutes since 1970).

        Each is {minute, frames, uncertain, emotions {label: faces}, latency {bound in ms, or inf: frames},
        faces, arrived, stayed (tracks that the minute before had not, had), seconds {label: face-seconds},
        zones {name: {faces, arrived, stayed, seconds}}}.
        """
        return self._counts("minute", 60, partial(keys.hour, camera), since_minute, until_minute)

    def hours(self, camera: str, since_hour: int, until_hour: int) -> list[dict[str, Any]]:
        """Return the same of each hour in [since, until), without emotions, uncertain and latency."""
        return self._counts("hour", 24, partial(keys.day, camera), since_hour, until_hour)

    def _counts(
        self, name: str, units: int, key: Callable[[int], str], since: int, until: int
    ) -> list[dict[str, Any]]:
        """Return rows of the hashes that hold so many units each, a few hashes at a time."""
        found: list[dict[str, Any]] = []
        hashes = range(since // units, (until + units - 1) // units)
        for part in (hashes[start : start + PAGE_HASHES] for start in range(0, len(hashes), PAGE_HASHES)):
            with self._calls(), self._client.pipeline(transaction=False) as pipe:
                for number in part:
                    pipe.hgetall(key(number))
                stored = pipe.execute()
            for number, fields in zip(part, stored, strict=True):
                found += layout.read_counts(name, number * units, fields)
        return [row for row in found if since <= row[name] < until]
