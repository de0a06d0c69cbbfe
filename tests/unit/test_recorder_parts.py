"""Smoothing, counts and metrics of the recorder."""

import math

import pytest

from services.recorder.counts import latency_bucket, stage_seconds
from services.recorder.observer import Observer
from services.recorder.smoothing import Smoother
from shared import metrics
from shared.records import Advance, Applied, Facts, Recorded
from shared.store_figures import Books
from shared.timestamp import timestamp


def test_after_a_half_life_old_and_new_weigh_the_same() -> None:
    smoother = Smoother(half_life_seconds=0.5)
    assert smoother.smooth(1, (0.9, 0.1), 10.0) == pytest.approx([0.9, 0.1])
    assert smoother.smooth(1, (0.1, 0.9), 10.5) == pytest.approx([0.5, 0.5])
    expected = 1 / (1 + math.exp(-0.5 * math.log(9)))
    assert smoother.smooth(1, (0.9, 0.1), 11.0)[0] == pytest.approx(expected)


def test_tracks_are_smoothed_apart_and_forgotten() -> None:
    smoother = Smoother(half_life_seconds=0.5)
    smoother.smooth(1, (0.9, 0.1), 0.0)
    assert smoother.smooth(2, (0.2, 0.8), 0.1) == pytest.approx([0.2, 0.8])
    smoother.keep([2])
    assert smoother.last_seen(1) is None
    assert smoother.last_seen(2) == 0.1


def test_another_model_s_labels_start_afresh_and_zero_does_not_break_logarithms() -> None:
    smoother = Smoother(half_life_seconds=0.5)
    smoother.smooth(1, (1.0, 0.0), 0.0)
    assert smoother.smooth(1, (0.0, 1.0), 0.1)[0] > 0.5
    assert smoother.smooth(1, (0.2, 0.3, 0.5), 0.2) == pytest.approx([0.2, 0.3, 0.5])


@pytest.mark.parametrize(
    ("latency", "bucket"), [(0, "10"), (10, "10"), (10.1, "20"), (5000, "5000"), (1e9, "inf")]
)
def test_latencies_fall_into_the_smallest_bucket_that_holds_them(latency: float, bucket: str) -> None:
    assert latency_bucket(latency) == bucket


def test_stages_that_a_frame_skipped_take_no_time() -> None:
    ages = {"record": 40_000_000, "capture": 10_000_000, "detect": 30_000_000, "made_up": 1}
    assert stage_seconds(ages) == {"capture": 0.01, "detect": 0.02, "record": pytest.approx(0.01)}


def test_timestamps_are_utc_to_the_millisecond() -> None:
    assert timestamp(1_700_000_000_007_999_999) == "2023-11-14T22:13:20.007Z"


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_metrics_count_what_redis_changed_and_nothing_twice() -> None:
    confirmed: list[None] = []
    observer = Observer(lambda: confirmed.append(None), lambda: 1_000_000_000)
    facts = Facts(captured_ns=900_000_000, emotions={"happy": 2, "uncertain": 1}, stages={"detect": 0.02})
    result = Recorded(
        sequence=1, json=b"", minute=0, counts={}, facts=facts, results_seconds=1, minutes_seconds=1
    )
    entry = Advance(camera="metered", run=1, live=True, result=result)
    observer.observe(entry, Applied(True, {"recorded": 1, "stale": 4}))
    observer.observe(entry, Applied(False, {}))
    assert len(confirmed) == 2
    assert value("mien_frames_total", camera="metered", outcome="recorded") == 1
    assert value("mien_frames_total", camera="metered", outcome="stale") == 4
    assert value("mien_faces_total", camera="metered", emotion="happy") == 2
    assert value("mien_end_to_end_seconds_sum", camera="metered") == pytest.approx(0.1)
    assert value("mien_end_to_end_seconds_count", camera="metered") == 1


def test_a_clock_behind_is_counted_and_clamped() -> None:
    before = value("mien_clock_clamps_total")
    observer = Observer(lambda: None, lambda: 0)
    facts = Facts(captured_ns=5, emotions={}, stages={})
    result = Recorded(
        sequence=1, json=b"", minute=0, counts={}, facts=facts, results_seconds=1, minutes_seconds=1
    )
    observer.observe(Advance(camera="early", run=1, live=True, result=result), Applied(True, {"recorded": 1}))
    assert value("mien_clock_clamps_total") == before + 1
    assert value("mien_end_to_end_seconds_sum", camera="early") == 0


def test_series_of_a_camera_that_is_gone_go_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    observer = Observer(lambda: None, lambda: 0)
    observer.observe(Advance(camera="gone", run=1, live=True), Applied(False, {"stale": 1}))
    observer.forget([])
    assert value("mien_frames_total", camera="gone", outcome="stale") == 1
    monkeypatch.setattr("services.recorder.observer.FORGET_SECONDS", -1.0)
    observer.forget(["gone"])
    assert value("mien_frames_total", camera="gone", outcome="stale") == 1
    observer.forget([])
    assert (
        metrics.REGISTRY.get_sample_value("mien_frames_total", {"camera": "gone", "outcome": "stale"}) is None
    )


def test_ledgers_are_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    observer = Observer(lambda: None, lambda: 0)
    observer.observe(Advance(camera="audited", run=1, live=True), Applied(False, {"stale": 1}))
    observer.audit(lambda camera: Books(in_flight=5, imbalance=-2))
    observer.audit(lambda camera: Books(in_flight=9, imbalance=9))
    assert value("mien_ledger_in_flight", camera="audited") == 5
    assert value("mien_ledger_imbalance", camera="audited") == -2
    monkeypatch.setattr("services.recorder.observer.AUDIT_SECONDS", -1.0)
    observer = Observer(lambda: None, lambda: 0)
    observer.observe(Advance(camera="audited", run=1, live=True), Applied(False, {"stale": 1}))
    for in_flight in (1, 2):
        observer.audit(lambda camera, now=in_flight: Books(in_flight=now, imbalance=0))
        assert value("mien_ledger_in_flight", camera="audited") == in_flight
