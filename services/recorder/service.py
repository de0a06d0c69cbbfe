"""Recorder: puts results in order, follows and smooths faces, and writes each frame's fate to the ledger."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from services.recorder.camera import RELOAD_SECONDS, Camera
from services.recorder.counts import emotion_counts, hour_counts, minute_counts, stage_seconds
from services.recorder.document import result_json
from services.recorder.notices import Notice
from services.recorder.ordering import LOST_SECONDS, Order, Patience, Step
from services.recorder.smoothing import Smoother
from services.recorder.tracks import Tracker
from shared.config import Settings
from shared.errors import StoreError
from shared.messages import Result
from shared.records import Advance, Cursor, Facts, Recorded
from shared.topology import result_topic
from shared.work import Finish, Out, Publish, Reject, Work, Write

_log = logging.getLogger(__name__)

STALL_SECONDS: Final = 1.0
"""Redis has not confirmed for so long: time stands still, because what is waited for waits behind it."""
TICK_SECONDS: Final = 0.1
"""Time passes at most so much at once: a process that was frozen first reads what came meanwhile."""


class RecorderService:
    """The step of a recorder. Knows Redis only through `read_cursor` and the writes it gives.

    Args:
        settings: the tree.
        read_cursor: returns how far a camera's ledger is; may raise StoreError.
        wall_ns: the broker's wall clock in ns.
    """

    def __init__(
        self, settings: Settings, read_cursor: Callable[[str], Cursor], wall_ns: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._read_cursor, self._wall_ns = read_cursor, wall_ns
        lost = settings.frames.deadline + LOST_SECONDS
        self._patience = Patience(
            settings.recorder.reorder, settings.frames.deadline, lost, lost + settings.frames.lease
        )
        self._cameras: dict[str, Camera] = {}
        self._unread: dict[str, list[Work]] = {}
        """Work of cameras whose cursor could not be read yet."""
        self._read_again_at = 0.0
        self._unconfirmed: deque[float] = deque()
        """When each write was given that Redis has not confirmed."""
        self._stalled = False
        self._clock = _Clock()

    @property
    def facts(self) -> dict[str, int]:
        """What the health key says beside the loop's own facts."""
        return {"cameras": len(self._cameras), "unconfirmed": len(self._unconfirmed)}

    def warm_up(self) -> None:
        """Follow two faces once: the first assignment loads its library."""
        tracker = Tracker(1.0)
        for seconds in (0.0, 0.1):
            tracker.follow([(0.0, 0.0, 9.0, 9.0), (2.0, 0.0, 9.0, 9.0)], seconds)

    def step(self, work: Sequence[Work], now: float) -> Iterable[Out]:
        """Take results and notices; give the writes that are next in order."""
        self._tick(now)
        for one in work:
            yield from self._take(one, now)

    def idle(self, now: float) -> Iterable[Out]:
        """Give what became due by time alone."""
        self._tick(now)
        if self._unread and now >= self._read_again_at:
            yield from self._take_unread(now)
        for name, camera in list(self._cameras.items()):
            camera.order.advance(self._clock.seconds)
            yield from self._written(camera, now)
            if self._review(camera, now) and camera.is_quiet(now) and camera.order.is_settled:
                del self._cameras[name]
            yield from self._written(camera, now)

    def confirmed(self) -> None:
        """Hear that Redis has confirmed the oldest write that was not confirmed."""
        self._unconfirmed.popleft()

    def _tick(self, now: float) -> None:
        self._stalled = bool(self._unconfirmed) and now - self._unconfirmed[0] > STALL_SECONDS
        self._clock.tick(now, self._stalled)

    def _take_unread(self, now: float) -> Iterator[Out]:
        unread, self._unread = self._unread, {}
        for works in unread.values():
            for work in works:
                yield from self._take(work, now)

    def _take(self, work: Work, now: float) -> Iterator[Out]:
        notice = work.message.header
        if not isinstance(notice, Notice):
            yield Reject(work.id, f"a recorder has no use for {notice.kind.decode()}")
            return
        camera = None
        if notice.camera not in self._unread:
            camera = self._cameras.get(notice.camera) or self._open(notice.camera, now)
        if camera is None:
            self._unread.setdefault(notice.camera, []).append(work)
            return
        if camera.is_quiet(now):  # or this process was frozen while another one did its work
            self._review(camera, now)
        refusal = camera.order.refusal(notice, self._wall_ns() // 1_000_000)
        if refusal:
            yield Reject(work.id, refusal)
            return
        camera.heard_at = now
        camera.order.add(work, self._clock.seconds)
        yield from self._written(camera, now)

    def _open(self, name: str, now: float) -> Camera | None:
        cursor = self._read(name, now)
        if cursor is None:
            return None
        order = Order(cursor, self._patience, self._clock.seconds)
        settings = self._settings.recorder
        tracker = Tracker(settings.track_memory, cursor.tracks)
        self._cameras[name] = Camera(name, order, tracker, Smoother(settings.half_life), now)
        return self._cameras[name]

    def _review(self, camera: Camera, now: float) -> bool:
        """Look, if it is due, at what another recorder may have written; say whether it was looked at."""
        cursor = self._read(camera.name, now) if camera.is_review_due(now) and not self._stalled else None
        if cursor is None:
            return False
        camera.reviewed_at = now
        camera.order.adopt(cursor, self._clock.seconds)
        camera.tracker.highest = max(camera.tracker.highest, cursor.tracks)
        return True

    def _read(self, name: str, now: float) -> Cursor | None:
        """Return a cursor; None, and the next attempt a second later, while Redis is away."""
        if now < self._read_again_at:
            return None
        try:
            return self._read_cursor(name)
        except StoreError as error:
            _log.warning("camera %s waits: %s", name, error)
            self._read_again_at = now + RELOAD_SECONDS
            return None

    def _written(self, camera: Camera, now: float) -> Iterator[Write]:
        for step in camera.order.take():
            self._unconfirmed.append(now)
            yield self._write(camera, step, now)

    def _write(self, camera: Camera, step: Step, now: float) -> Write:
        result = self._record(camera, step.work, now) if step.work else None
        entry = Advance(
            camera=camera.name,
            run=step.run,
            live=step.live,
            base=step.base,
            captured=step.captured,
            spans=step.spans,
            result=result,
            ended=step.ended,
        )
        published = (Publish(result_topic(camera.name), result.json),) if result else ()
        return Write(entry, then=(*map(Finish, step.jobs), *published))

    def _record(self, camera: Camera, work: Work, now: float) -> Recorded:
        result = work.message.header
        assert isinstance(result, Result)
        sightings = camera.follow(result)
        latency_ms = max(0.0, (self._wall_ns() - result.captured_ns) / 1e6)
        ages_ns = {
            **result.ages,
            "results_queue": work.age_ns,
            "record": max(work.age_ns, int(latency_ms * 1e6)),
        }
        minute = result.captured_ns // 60_000_000_000
        counts = minute_counts(result.faces, sightings, camera.see(result, minute, sightings), latency_ms)
        return Recorded(
            sequence=result.sequence,
            json=result_json(result, sightings, ages_ns, latency_ms),
            minute=minute,
            counts=counts,
            hour_counts=hour_counts(counts, minute),
            facts=Facts(
                captured_ns=result.captured_ns,
                emotions=emotion_counts(result.faces),
                stages=stage_seconds(ages_ns),
            ),
            results_seconds=max(1, round(self._settings.retention.results)),
            minutes_seconds=max(1, round(self._settings.retention.minutes)),
            tracks=camera.tracker.highest,
        )


class _Clock:
    """Seconds that stand still while Redis stalls, and never jump."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last: float | None = None

    def tick(self, now: float, stalled: bool) -> None:
        """Let time pass up to `now`."""
        passed = 0.0 if self._last is None or stalled else now - self._last
        self.seconds += min(passed, TICK_SECONDS)
        self._last = now
