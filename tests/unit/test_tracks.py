"""Faces keep their tracks through gaps and crossings, on made-up clips of boxes."""

import numpy as np
import pytest

from services.recorder.tracks import Tracker, distance_iou

FPS = 15.0


def boxes(*centres: tuple[float, float], size: float = 80.0) -> np.ndarray:
    return np.array([(x - size / 2, y - size / 2, size, size) for x, y in centres]).reshape(-1, 4)


def test_a_steady_face_keeps_its_track_through_half_a_second_without_detection() -> None:
    tracker = Tracker(memory_seconds=1.0)
    noise = np.random.default_rng(1)
    seen = []
    for frame in range(60):
        is_hidden = 30 <= frame < 38  # 0.53 s
        found = boxes() if is_hidden else boxes((300 + noise.normal(0, 2), 200 + noise.normal(0, 2)))
        seen += tracker.follow(found, frame / FPS)
    assert set(seen) == {1}
    assert len(seen) == 52


def test_a_track_ends_when_its_face_is_away_for_longer_than_its_memory() -> None:
    tracker = Tracker(memory_seconds=1.0)
    assert tracker.follow(boxes((100, 100)), 0.0) == [1]
    assert tracker.follow(boxes(), 0.9) == []
    assert tracker.numbers == [1]
    assert tracker.follow(boxes((100, 100)), 1.5) == [2]
    assert tracker.numbers == [2]


@pytest.mark.parametrize("height", [0.0, 15.0])
@pytest.mark.parametrize("merged", [0, 3, 6])
def test_two_faces_that_cross_keep_their_tracks(height: float, merged: int) -> None:
    """Left and right walk past each other in 2 s; for `merged` frames around the middle only one is found."""
    tracker = Tracker(memory_seconds=1.0)
    noise = np.random.default_rng(2)
    frames = 31
    left_track = right_track = 0
    for frame in range(frames):
        way = frame / (frames - 1)
        left, right = (100 + 400 * way, 200.0), (500 - 400 * way, 200.0 + height)
        is_merged = abs(frame - frames // 2) < merged / 2
        found = boxes(*([right] if is_merged else [left, right])) + noise.normal(0, 1.5, 4)
        tracks = tracker.follow(found, frame / FPS)
        if frame == 0:
            left_track, right_track = tracks
        elif not is_merged:
            assert tracks == [left_track, right_track], f"frame {frame}"
    assert tracker.highest == 2


def test_a_fast_face_at_a_low_frame_rate_keeps_its_track() -> None:
    tracker = Tracker(memory_seconds=1.0)
    tracks = [tracker.follow(boxes((100 + 88 * frame, 200)), frame / 5) for frame in range(8)]
    assert tracks == [[1]] * 8


def test_a_face_of_another_size_or_elsewhere_is_another_track() -> None:
    tracker = Tracker(memory_seconds=1.0)
    assert tracker.follow(boxes((100, 100)), 0.0) == [1]
    assert tracker.follow(boxes((100, 100), size=200.0), 0.1) == [2]
    assert tracker.follow(boxes((400, 100)), 0.2) == [3]


def test_a_step_back_in_time_ends_all_tracks_but_no_number_comes_again() -> None:
    tracker = Tracker(memory_seconds=1.0, highest=7)
    assert tracker.follow(boxes((100, 100)), 5.0) == [8]
    assert tracker.follow(boxes((100, 100)), 0.0) == [9]
    assert tracker.highest == 9


def test_many_faces_at_once_keep_their_order() -> None:
    tracker = Tracker(memory_seconds=1.0)
    grid = [(60.0 + 100 * (number % 8), 60.0 + 100 * (number // 8)) for number in range(64)]
    first = tracker.follow(boxes(*grid), 0.0)
    assert tracker.follow(boxes(*reversed(grid)), 0.1) == list(reversed(first))


def test_distance_iou_against_hand_reckoned_values() -> None:
    one = (0.0, 0.0, 2.0, 2.0)
    assert distance_iou(one, one) == 1.0
    assert distance_iou(one, (1.0, 0.0, 2.0, 2.0)) == pytest.approx(2 / 6 - 1 / (9 + 4))
    assert distance_iou(one, (2.0, 0.0, 2.0, 2.0)) == pytest.approx(-4 / (16 + 4))
    assert distance_iou(one, (0.5, 0.0, 1.0, 1.0)) == pytest.approx(1 / 4 - 0.25 / (4 + 4))
