"""Buckets that are over are read once; what is not over, or was deleted, is not remembered."""

from typing import Any

import pytest

from services.dashboard.finished import MOST_KEPT, SETTLED_SECONDS, FinishedBuckets
from shared import timeline
from shared.timeline import Span
from tests.unit.test_timeline import Recorded, row

MINUTE = 60
NOW = 30_000_000 * MINUTE


class Counted(Recorded):
    """A store of one camera that notes which minutes are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[int, int]] = []
        self.rows = [self.minute(ago) for ago in range(120, -1, -1) if ago % 7]

    def minute(self, ago: int, **counts: Any) -> dict[str, Any]:
        return row("minute", NOW // MINUTE - ago, faces=ago + 1, arrived=1, stayed=2, **counts)

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        self.read.append((since_minute, until_minute))
        return super().minutes(camera, since_minute, until_minute)

    def has_minutes(self, camera: str, unix_hour: int) -> bool:
        return any(row["minute"] // 60 == unix_hour for row in self.rows)


@pytest.fixture
def store() -> Counted:
    return Counted()


def span(minutes: int, step: int, ahead: int = 0) -> Span:
    """Return the last minutes in whole buckets, from so many seconds ahead."""
    until = -(-(NOW + ahead) // step) * step
    return Span(until - minutes * MINUTE // step * step, until, step)


@pytest.mark.parametrize("step", [60, 300, 600])
def test_only_what_may_still_change_is_read_again(store: Counted, step: int) -> None:
    finished = FinishedBuckets(store, lambda: NOW)
    looks = [span(60, step), span(90, step), span(90, step, ahead=step), span(60, step, ahead=step)]
    for look in looks:
        assert finished.buckets("desk", look) == timeline.buckets(store, "desk", look)
    store.read.clear()
    finished.buckets("desk", looks[-1])
    ((since, until),) = store.read
    assert since * MINUTE >= NOW - SETTLED_SECONDS - 2 * step
    assert until * MINUTE == looks[-1].until


def test_what_comes_late_is_seen(store: Counted) -> None:
    finished = FinishedBuckets(store, lambda: NOW)
    look = span(60, 60)
    finished.buckets("desk", look)
    store.rows[-5]["faces"] = 5000
    assert finished.buckets("desk", look) == timeline.buckets(store, "desk", look)


def test_what_is_deleted_is_forgotten(store: Counted) -> None:
    finished = FinishedBuckets(store, lambda: NOW)
    look = span(60, 60)
    assert finished.buckets("desk", look)
    assert finished.buckets("desk", span(60, 300))
    store.rows = [store.minute(0)]
    assert finished.buckets("desk", look) == timeline.buckets(store, "desk", look)
    assert finished.buckets("desk", span(60, 300)) == []


def test_zones_and_cameras_are_kept_apart_and_memory_is_bounded(store: Counted) -> None:
    finished = FinishedBuckets(store, lambda: NOW)
    look = span(60, 60)
    assert finished.buckets("desk", look)[0].faces != finished.buckets("desk", look, "till")[0].faces
    for number in range(MOST_KEPT // 40):
        finished.buckets(f"cam{number}", look)
    assert sum(map(len, finished._kept.values())) <= MOST_KEPT
    assert finished.buckets("desk", look) == timeline.buckets(store, "desk", look)


def test_what_is_not_over_takes_no_memory(store: Counted) -> None:
    finished = FinishedBuckets(store, lambda: NOW)
    finished.buckets("desk", span(2, 60), "till")
    assert not finished._kept
