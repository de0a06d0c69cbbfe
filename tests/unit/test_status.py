"""The status document: percentiles, balances, and what it advises."""

import time

import pytest

from shared.balance import latency_of
from shared.config import CameraSettings
from shared.status import read_status
from tests.fake_stack import FakeStore, process


def test_percentiles_lie_inside_their_buckets() -> None:
    latency = latency_of({"50": 90, "100": 9, "5000": 1})
    assert latency.frames == 100
    assert latency.p50_ms == pytest.approx(30 + 20 * 50 / 90, abs=0.1)
    assert latency.p95_ms is not None
    assert 75 <= latency.p95_ms <= 100
    assert latency.p99_ms == 100


def test_what_is_beyond_the_last_bucket_counts_as_that_bucket() -> None:
    assert latency_of({"inf": 3}).p50_ms == 5000


def test_nothing_recorded_has_no_percentiles() -> None:
    assert latency_of({}).p95_ms is None


def test_the_ledger_adds_up_over_cameras() -> None:
    store = FakeStore("desk", "door")
    store.ledgers = {
        "desk": {"captured": 10, "recorded": 6, "overtaken": 2, "stale": 1, "in_flight": 1},
        "door": {"captured": 5, "recorded": 4, "overtaken": 1, "in_flight": 0},
    }
    status = read_status(store)
    assert status.ledger.captured == 15
    assert status.ledger.dropped == {"overtaken": 3, "stale": 1}
    total = status.ledger
    assert total.captured == total.recorded + sum(total.dropped.values()) + total.in_flight


def test_rates_of_a_new_camera_count_from_when_it_came_alive() -> None:
    store = FakeStore("desk")
    state = store.states["desk"]
    status = read_status(store, now_ns=max(state.since_ns, 120_000_000_000) + 20_000_000_000)
    assert status.cameras[0].recorded_per_second == pytest.approx(5.0, rel=0.01)
    assert status.cameras[0].faces_per_second == pytest.approx(7.5, rel=0.01)


def test_sources_show_no_password() -> None:
    store = FakeStore()
    store.put_camera("yard", CameraSettings(source="rtsp://me:secret@cam/1?token=abc"))
    camera = read_status(store).cameras[0]
    assert "secret" not in camera.source
    assert "abc" not in camera.source
    assert "cam/1" in camera.source


def test_all_well_needs_no_remedy() -> None:
    assert read_status(FakeStore("desk")).remedies == []


def test_remedies_name_what_is_missing_lost_slow_or_overloaded() -> None:
    store = FakeStore("desk")
    store.set_state("desk", "lost", "connection refused")
    store.processes = [
        process("broker", queues={}, demand={"detector": 1.4}),
        process("capture"),
        process("detector", remedy="Run mien fetch."),
        process("recorder"),
    ]
    text = "\n".join(read_status(store, supervised=True).remedies)
    assert "No classifier runs" in text
    assert "desk is lost: connection refused" in text
    assert "mien scale detector=2" in text
    assert "Run mien fetch." in text


def test_no_command_of_mien_up_is_advised_where_no_mien_up_heeds_it() -> None:
    store = FakeStore("desk")
    store.processes[0] = process("broker", queues={}, demand={"detector": 1.4})
    assert read_status(store).remedies == ["The detector can't keep up (demand 1.40): run 2 of them."]


def test_rates_and_queues_leave_the_facts() -> None:
    status = read_status(FakeStore("desk"), time.time_ns())
    broker = next(worker for worker in status.workers if worker.service == "broker")
    detector = next(worker for worker in status.workers if worker.service == "detector")
    assert broker.facts == {"peers": 6}
    assert detector.busy == 0.42
    assert detector.facts == {"detector": "yunet-onnx-640"}
    assert [queue.depth for queue in status.queues] == [1, 0, 0]
