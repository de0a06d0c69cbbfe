"""The recorder's step: what it writes, publishes, closes and refuses, without Redis."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from services.recorder.service import RecorderService
from shared.config import Settings
from shared.emotions import EMOTIONS
from shared.errors import StoreError
from shared.messages import (
    Encoding,
    Frame,
    Gone,
    Header,
    JobId,
    Message,
    Outcome,
    Reading,
    Result,
    Seen,
)
from shared.records import Advance, Cursor, Recorded
from shared.work import Finish, Out, Publish, Reject, Work, Write

WALL_NS = 1_800_000_000_000_000_000
CAPTURED_NS = WALL_NS - 80_000_000
HAPPY = (0.02, 0.01, 0.02, 0.8, 0.1, 0.03, 0.02)
SAD = (0.05, 0.01, 0.04, 0.1, 0.2, 0.55, 0.05)


class Desk:
    """A recorder and its clock."""

    def __init__(self, cursor: Cursor | None = None, **settings: Any) -> None:
        self.cursors: dict[str, Cursor | StoreError] = {"door": cursor or Cursor()}
        self.service = RecorderService(Settings(**settings), self.read_cursor, lambda: WALL_NS)
        self.service.warm_up()
        self.now = 100.0
        self.jobs = 0

    def read_cursor(self, camera: str) -> Cursor:
        found = self.cursors.get(camera, Cursor())
        if isinstance(found, StoreError):
            raise found
        return found

    def give(self, *headers: Header, age_ns: int = 70_000_000) -> list[Out]:
        works = []
        for header in headers:
            self.jobs += 1
            works.append(Work(JobId(1, self.jobs), Message(header), frozenset(), age_ns))
        return list(self.service.step(works, self.now))

    def wait(self, seconds: float, confirm: bool = True) -> list[Out]:
        """Call idle every 50 ms, as the loop does."""
        outs: list[Out] = []
        for _ in range(round(seconds / 0.05)):
            self.now += 0.05
            outs += self.service.idle(self.now)
            if confirm:
                self.confirm()
        return outs

    def confirm(self) -> None:
        while self.service.facts["unconfirmed"]:
            self.service.confirmed()


def face(probabilities: tuple[float, ...] = HAPPY, x: float = 10.0, certain: bool = True) -> Reading:
    best = max(range(7), key=probabilities.__getitem__)
    return Reading(
        box=(x, 20.0, 40.0, 50.0), score=0.9, landmarks=(1.0,) * 10, emotion=EMOTIONS[best], certain=certain,
        probabilities=probabilities,
    )  # fmt: skip


def result(sequence: int, *faces: Reading, camera: str = "door", **changes: Any) -> Result:
    fields: dict[str, Any] = {
        "camera": camera, "run": 1, "sequence": sequence, "live": True, "width": 64, "height": 48,
        "captured_ns": CAPTURED_NS + sequence * 66_000_000,
        "detector": "yunet", "model": "ab12", "backend": "litert",
        "ages": {"capture": 2_000_000, "frames_queue": 3_000_000, "detect": 20_000_000}, "labels": EMOTIONS,
        "faces": faces,
    }  # fmt: skip
    return Result(**{**fields, **changes})


def written(outs: Iterable[Out]) -> list[Advance]:
    return [out.entry for out in outs if isinstance(out, Write)]


def recorded(outs: Iterable[Out]) -> list[Recorded]:
    return [entry.result for entry in written(outs) if entry.result]


def test_a_result_is_written_then_closed_and_published() -> None:
    (out,) = Desk().give(result(1, face()))
    assert isinstance(out, Write)
    assert isinstance(out.entry.result, Recorded)
    assert out.then == (Finish(JobId(1, 1)), Publish("result/door", out.entry.result.json))
    document = json.loads(out.entry.result.json)
    assert (document["camera"], document["run"], document["sequence"]) == ("door", 1, 1)
    assert document["captured_at"] == "2027-01-15T07:59:59.986Z"
    assert document["latency_ms"] == 14.0
    assert document["ages_ms"] == {
        "capture": 2.0, "frames_queue": 3.0, "detect": 20.0, "results_queue": 70.0, "record": 70.0,
    }  # fmt: skip
    (found,) = document["faces"]
    assert (found["track"], found["emotion"], found["certain"], found["confidence"]) == (
        1,
        "happy",
        True,
        0.8,
    )
    assert found["probabilities"] == dict(zip(EMOTIONS, HAPPY, strict=True))
    assert found["smoothed"] == pytest.approx(found["probabilities"], abs=1e-4)


def test_raw_and_smoothed_probabilities_are_both_kept() -> None:
    desk = Desk(recorder={"half_life": 0.5})
    outs = desk.give(*(result(number, face(HAPPY)) for number in range(1, 16)), result(16, face(SAD)))
    last = json.loads(recorded(outs)[-1].json)["faces"][0]
    assert (last["emotion"], last["smoothed_emotion"], last["track"]) == ("sad", "happy", 1)
    assert sum(last["smoothed"].values()) == pytest.approx(1, abs=1e-3)


def test_without_a_half_life_smoothed_is_raw() -> None:
    desk = Desk(recorder={"half_life": 0})
    last = json.loads(recorded(desk.give(result(1, face(HAPPY)), result(2, face(SAD))))[-1].json)["faces"][0]
    assert last["smoothed"] == pytest.approx(last["probabilities"], abs=1e-4)


def test_minute_counts_weigh_time_by_track_and_keep_uncertain_apart() -> None:
    desk = Desk()
    outs = desk.give(
        result(1, face(HAPPY), face(SAD, x=200, certain=False)),
        result(3, face(HAPPY), face(SAD, x=200, certain=False)),
        Gone(camera="door", run=1, first=2, last=2, reason=Outcome.STALE),
    )  # fmt: skip
    first, second = recorded(outs)
    assert first.minute == (CAPTURED_NS + 66_000_000) // 60_000_000_000
    assert first.counts == {
        "frames": 1, "faces": 2, "emotion:happy": 1, "uncertain": 1, "latency:20": 1, "arrived": 2,
    }  # fmt: skip
    expected = {
        "frames": 1, "faces": 2, "emotion:happy": 1, "uncertain": 1, "latency:10": 1, "seconds:happy": 0.132,
        "seconds:uncertain": 0.132, "stayed": 2,
    }  # fmt: skip
    assert second.counts == expected
    weighed = {"frames": 1, "faces": 2, "seconds:happy": 0.132, "seconds:uncertain": 0.132, "stayed": 2}
    assert second.hour_counts == weighed
    assert [one["seconds"] for one in json.loads(second.json)["faces"]] == [0.132, 0.132]
    assert second.facts.emotions == {"happy": 1, "uncertain": 1}
    assert second.facts.stages["detect"] == pytest.approx(0.017)


def test_a_face_counts_as_what_it_is_shown_as_and_for_a_second_at_most() -> None:
    desk = Desk(recorder={"half_life": 10.0, "track_memory": 5.0})
    outs = desk.give(result(1, face(HAPPY)), result(2, face(SAD)), result(40, face(HAPPY)))
    outs += desk.give(Gone(camera="door", run=1, first=3, last=39, reason=Outcome.STALE))
    _, sudden, long_unseen = recorded(outs)
    assert sudden.counts["seconds:uncertain"] == 0.066  # the frame says sad, the track is still happy
    assert long_unseen.counts["seconds:happy"] == 1.0


def test_a_face_in_a_zone_counts_there_too() -> None:
    desk = Desk()
    inside = msgspec.structs.replace(face(HAPPY), zones=("till", "door"))
    _, second = recorded(desk.give(result(1, inside, face(SAD, x=200)), result(2, inside, face(SAD, x=200))))
    till = {name: number for name, number in second.counts.items() if name.startswith("zone:till:")}
    assert till == {"zone:till:faces": 1, "zone:till:seconds:happy": 0.066, "zone:till:stayed": 1}
    assert second.hour_counts["zone:door:seconds:happy"] == 0.066


def test_one_lingering_face_is_one_person_however_long_it_stays() -> None:
    """One face stays for a minute, ten pass one after another for six seconds each."""
    desk = Desk()
    totals: Counter[str] = Counter()
    for tenth in range(600):
        passing = face(SAD, x=150.0 * (tenth // 60) + tenth % 60)
        captured_ns = WALL_NS // 60_000_000_000 * 60_000_000_000 + tenth * 100_000_000
        outs = desk.give(result(tenth + 1, face(HAPPY, x=3000), passing, captured_ns=captured_ns))
        desk.confirm()
        for one in recorded(outs):
            totals.update(one.counts)
    assert totals["arrived"] == 11
    assert totals["stayed"] == 0
    assert totals["seconds:happy"] == pytest.approx(59.9)
    assert totals["seconds:sad"] == pytest.approx(59.0)  # nobody has been in view yet when first seen


def test_a_clock_that_runs_behind_gives_no_negative_latency() -> None:
    document = json.loads(recorded(Desk().give(result(1, captured_ns=WALL_NS + 5_000_000)))[0].json)
    assert document["latency_ms"] == 0.0


def test_what_can_not_be_used_is_refused() -> None:
    desk = Desk()
    frame = Frame(
        camera="door", run=1, sequence=1, live=True, captured_ns=1, width=8, height=8, ages={},
        encoding=Encoding.JPEG, age_ns=0, previous=0,
    )  # fmt: skip
    (wrong_kind,) = desk.give(frame)
    desk.give(result(1))
    (jump,) = desk.give(result(20_000))
    assert isinstance(wrong_kind, Reject)
    assert isinstance(jump, Reject)
    assert "jumps" in jump.reason


def test_a_run_of_a_clock_that_was_set_back_is_refused() -> None:
    desk = Desk(Cursor(run=2, sequence=3, captured=3))
    (refused,) = desk.give(result(1))
    assert isinstance(refused, Reject)
    assert "older than run 2" in refused.reason
    assert [one.sequence for one in recorded(desk.give(result(1, run=3)))] == [1]


def test_cameras_do_not_wait_for_each_other() -> None:
    desk = Desk()
    outs = desk.give(result(2), result(1, camera="yard"))
    assert [entry.camera for entry in written(outs)] == ["yard"]


def test_track_numbers_go_on_after_another_recorder() -> None:
    desk = Desk(Cursor(run=1, sequence=3, captured=3, tracks=12))
    (entry,) = recorded(desk.give(result(4, face())))
    assert json.loads(entry.json)["faces"][0]["track"] == 13
    assert entry.tracks == 13


def test_work_waits_while_the_cursor_can_not_be_read() -> None:
    desk = Desk()
    desk.cursors["door"] = StoreError("away")
    assert desk.give(result(5)) == []
    assert desk.give(result(4)) == []
    assert desk.wait(2.0) == []
    desk.cursors["door"] = Cursor(run=1, sequence=3, captured=3)
    outs = desk.wait(1.1)
    assert [one.sequence for one in recorded(outs)] == [4, 5]


def test_nothing_is_given_up_while_redis_stalls() -> None:
    desk = Desk()
    desk.give(result(1), Seen(camera="door", run=1, captured=2, live=True))
    assert desk.wait(10.0, confirm=False) == []
    desk.confirm()
    assert [entry.spans for entry in written(desk.wait(1.0))] == []
    assert [one.sequence for one in recorded(desk.give(result(2)))] == [2]


def test_a_frozen_process_first_reads_what_came_meanwhile() -> None:
    desk = Desk()
    desk.give(result(1), Seen(camera="door", run=1, captured=2, live=True))
    desk.confirm()
    desk.now += 60.0
    assert list(desk.service.idle(desk.now)) == []
    assert [one.sequence for one in recorded(desk.give(result(2)))] == [2]


def test_a_quiet_camera_is_read_again() -> None:
    desk = Desk()
    desk.give(result(1))
    desk.wait(4.0)
    assert desk.service.facts["cameras"] == 0
    desk.cursors["door"] = Cursor(run=1, sequence=50_000, captured=50_000)
    assert [one.sequence for one in recorded(desk.give(result(50_001)))] == [50_001]
