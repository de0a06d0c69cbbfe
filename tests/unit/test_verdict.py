"""The verdict: what is wrong, in words, and what to do; each case from what was measured alone."""

from typing import Any

import pytest
from msgspec import structs

from services.dashboard.drops import RecentDrops
from services.dashboard.findings import Evidence, Finding
from services.dashboard.verdict import judge
from services.dashboard.waterfall import waterfall
from shared.config import CameraSettings
from shared.records import Health
from shared.status import read_status
from shared.store_figures import FrameAges
from tests.fake_stack import FakeStore, process


def evidence(store: FakeStore, drops: RecentDrops | None = None, **changes: Any) -> Evidence:
    """Return what is measured of a fake stack."""
    frames = store.newest_ages(list(store.wanted_cameras()), 10)
    found = Evidence(
        status=read_status(store),
        drops=drops or RecentDrops(seconds=60, captured=1000),
        stages=waterfall(frames),
        server=store.server(),
        objective_ms=250,
    )
    return structs.replace(found, **changes)


def verdict(store: FakeStore, drops: RecentDrops | None = None, **changes: Any) -> Finding:
    """Return the first finding."""
    return judge(evidence(store, drops, **changes))[0]


def stack(demand: dict[str, float], host_busy: float = 0.3, cores: int = 4) -> list[Health]:
    """Return one process of each service, on one host."""
    signs = [process(name) for name in ("capture", "detector", "classifier", "recorder")]
    signs.append(process("broker", demand=demand, queues={}))
    return [structs.replace(sign, host_busy=host_busy, cores=cores) for sign in signs]


def test_all_is_well_names_latency_and_objective() -> None:
    finding = verdict(FakeStore("desk"))
    assert (finding.code, finding.level, finding.action) == ("well", "good", None)
    assert "250 ms" in finding.text
    assert len(judge(evidence(FakeStore("desk")))) == 1


def test_advice_of_a_process_does_not_make_a_stack_unwell() -> None:
    store = FakeStore("desk")
    store.processes += [process("detector", number, remedy="Run mien fetch.") for number in (2, 3)]
    assert [finding.code for finding in judge(evidence(store))] == ["well", "advice"]


def test_the_bottleneck_is_named_with_the_count_that_keeps_up() -> None:
    store = FakeStore("desk")
    store.processes = stack({"detector": 1.4, "classifier": 0.5})
    finding = verdict(store)
    assert finding.code == "bottleneck"
    assert finding.text == "The detector is the bottleneck (demand 1.40): set detector=2."
    assert finding.action == {"detectors": 2}


def test_the_worst_of_two_overloaded_services_comes_first() -> None:
    store = FakeStore("desk")
    store.processes = stack({"detector": 1.2, "classifier": 2.6}, cores=16)
    first, second = judge(evidence(store))[:2]
    assert first.action == {"classifiers": 3}
    assert second.action == {"detectors": 2}
    assert "overloaded too" in second.text


def test_no_more_workers_are_advised_than_cores_are_free() -> None:
    store = FakeStore("desk")
    store.processes = stack({"detector": 6.0}, host_busy=0.5, cores=4)
    assert verdict(store).action == {"detectors": 3}


def test_where_the_cores_are_used_up_more_workers_are_not_advised() -> None:
    store = FakeStore("desk")
    store.processes = stack({"detector": 1.4}, host_busy=0.97, cores=2)
    finding = verdict(store)
    assert (finding.code, finding.action) == ("cores_used_up", None)
    assert "the 2 cores of box are 97% busy" in finding.text
    assert "more workers won't help" in finding.text
    assert "no core is free" in read_status(store).remedies[0]


@pytest.mark.parametrize("service", ["detector", "classifier", "recorder"])
def test_a_service_without_workers_is_asked_for(service: str) -> None:
    store = FakeStore("desk")
    store.processes = [sign for sign in store.processes if sign.service != service]
    finding = verdict(store)
    assert (finding.code, finding.level) == ("no_worker", "bad")
    assert finding.action == {f"{service}s": 1}


def test_without_a_broker_that_comes_first() -> None:
    store = FakeStore("desk")
    store.processes = [process(name) for name in ("capture", "detector", "classifier", "recorder")]
    finding = verdict(store)
    assert (finding.code, finding.action) == ("broker_away", None)


@pytest.mark.parametrize(("what", "code"), [("broker", "broker_away"), ("redis", "redis_away")])
def test_processes_that_wait_say_for_what(what: str, code: str) -> None:
    store = FakeStore("desk")
    store.processes = [structs.replace(sign, state=f"waiting for {what}") for sign in store.processes]
    finding = verdict(store)
    assert finding.code == code
    assert "and 4 others wait for" in finding.text


def test_a_nearly_full_redis_is_said_before_it_is_full() -> None:
    store = FakeStore("desk")
    store.used_bytes = 480 * 2**20
    finding = verdict(store)
    assert finding.code == "redis_full"
    assert "94%" in finding.text


def test_no_camera_and_a_lost_camera() -> None:
    assert verdict(FakeStore()).code == "no_camera"
    store = FakeStore("desk")
    store.set_state("desk", "lost", "connection refused")
    assert verdict(store).text == "Camera desk is lost: connection refused."


def test_a_camera_that_gives_less_than_asked_is_the_limit() -> None:
    store = FakeStore("desk")
    store.put_camera("desk", CameraSettings(source="0", fps=30))
    finding = verdict(store)
    assert finding.code == "camera_limit"
    assert "15.0 frames/s where 30 are asked" in finding.text
    store.put_camera("desk", CameraSettings(source="0", fps=15))
    assert verdict(store).code == "well"


@pytest.mark.parametrize(("offset", "words"), [(3.2, "3.2 s behind"), (-2.0, "2.0 s ahead of")])
def test_a_clock_that_is_off_is_named_with_its_host(offset: float, words: str) -> None:
    store = FakeStore("desk")
    store.processes.append(structs.replace(process("detector", 9), host="far", clock_offset_seconds=offset))
    finding = verdict(store)
    assert finding.code == "clock_off"
    assert f"The clock of far is {words} the broker's" in finding.text


def test_slow_frames_name_the_stage_that_takes_longest() -> None:
    store = FakeStore("desk")
    store.latency = {"500": 100}
    ages = {**store.ages_ms, "faces_queue": 325.0, "classify": 340.0, "results_queue": 341.0, "record": 345.0}
    store.ages_ms = ages
    store.processes = stack({"classifier": 0.8})
    finding = verdict(store)
    assert finding.code == "slow"
    assert "most of it, 300 ms, waiting for the classifier: set classifier=2." in finding.text
    assert finding.action == {"classifiers": 2}


def test_slow_work_is_not_cured_by_more_workers() -> None:
    store = FakeStore("desk")
    store.latency = {"500": 100}
    store.ages_ms = {
        "capture": 2.0,
        "frames_queue": 3.0,
        "detect": 400.0,
        "results_queue": 401.0,
        "record": 402.0,
    }
    finding = verdict(store)
    assert (finding.code, finding.action) == ("slow", None)
    assert "in the detector" in finding.text
    assert "detector.width" in finding.text


def test_room_that_is_nearly_gone_is_a_warning() -> None:
    store = FakeStore("desk")
    store.processes = stack({"detector": 0.93})
    finding = verdict(store)
    assert (finding.code, finding.level, finding.action) == ("near_limit", "warn", {"detectors": 2})


@pytest.mark.parametrize(
    "outcome", ["lost_worker", "poison", "invalid", "redis_down", "recorder_down", "lost"]
)
def test_frames_lost_to_something_other_than_load_are_said(outcome: str) -> None:
    finding = verdict(FakeStore("desk"), RecentDrops(seconds=60, captured=900, dropped={outcome: 3}))
    assert finding.code == outcome
    assert finding.text.startswith("3 frames were dropped in the last 60 s: ")


def test_bursts_are_told_from_overload() -> None:
    drops = RecentDrops(seconds=60, captured=900, dropped={"overtaken": 90})
    assert verdict(FakeStore("desk"), drops).code == "giving_way"
    store = FakeStore("desk")
    store.processes = stack({"detector": 1.3})
    assert [finding.code for finding in judge(evidence(store, drops))] == ["bottleneck"]


def test_live_cameras_without_results_are_not_well() -> None:
    store = FakeStore("desk")
    store.latency = {}
    finding = verdict(store)
    assert (finding.code, finding.level) == ("nothing_recorded", "bad")
    assert finding.text.startswith("desk is live, but nothing")


def test_a_finding_that_is_bad_comes_before_a_warning() -> None:
    store = FakeStore("desk", "door")
    store.set_state("door", "lost")
    store.processes = stack({"detector": 0.93})
    assert [finding.level for finding in judge(evidence(store))] == ["bad", "warn"]


def test_frames_without_faces_leave_the_other_stages_alone() -> None:
    with_face = FrameAges(
        0, {"capture": 2, "frames_queue": 4, "detect": 24, "faces_queue": 25, "classify": 35}
    )
    without = FrameAges(0, {"capture": 2, "frames_queue": 4, "detect": 24, "results_queue": 25, "record": 26})
    bars = {bar.stage: bar for bar in waterfall([with_face, without], glass_ms=(50.0, 90.0))}
    assert (bars["detect"].frames, bars["classify"].frames) == (2, 1)
    assert (bars["detect"].starts_ms, bars["detect"].p50_ms) == (4, 20)
    assert (bars["classify"].starts_ms, bars["classify"].p50_ms) == (25, 10)
    assert (bars["glass"].p50_ms, list(bars)[-1]) == (pytest.approx(50 - 30.5), "glass")
