"""When a condition begins and ends: no sockets, no clocks."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from services.dashboard.conditions import Change, Condition
from shared.config import WebhookSettings
from shared.records import CameraState, WebhookState
from tests.fake_stack import face, result

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
BOX = (0.0, 0.0, 10.0, 10.0)
ANGRY = {"when": "emotion", "emotion": "angry", "above": 0.5, "lasts": 10, "quiet": 0}


def settings(**values: Any) -> WebhookSettings:
    return WebhookSettings(url="http://localhost/", **values)


def someone(emotion: str, track: int = 1, share: float = 0.8, zones: Iterable[str] = ()) -> dict[str, Any]:
    return {**face(BOX, emotion, share), "track": track, "zones": list(zones)}


def state(name: Any) -> CameraState:
    return CameraState(camera="door", state=name, since_ns=0)


class Camera:
    """Plays frames to a condition, five a second, and judges after each."""

    def __init__(self, condition: Condition) -> None:
        self.condition, self.now_ns, self.frames = condition, START, 0

    def play(self, seconds: float, *faces: Mapping[str, Any], fps: float = 5.0) -> list[Change]:
        changes = []
        for _ in range(round(seconds * fps)):
            self.now_ns += int(SECOND / fps)
            self.frames += 1
            self.condition.add(result("door", self.frames, [dict(each) for each in faces], self.now_ns))
            changes.append(self.condition.judge(self.now_ns, state("live")))
        return [change for change in changes if change]

    def seconds(self) -> float:
        return (self.now_ns - START) / SECOND


def test_a_share_begins_after_its_time_and_ends_when_it_falls() -> None:
    camera = Camera(Condition(settings(**ANGRY)))
    assert not camera.play(7.5, someone("angry"))
    (began,) = camera.play(3, someone("angry"))
    assert began.event == "began"
    assert began.seen.value == 1.0
    assert began.seen.people == 1
    assert 8 <= began.seen.face_seconds <= 10
    assert not camera.play(4, someone("happy"))
    (ended,) = camera.play(3, someone("happy"))
    assert ended.event == "ended"
    assert ended.seen.value <= 0.5


def test_time_counts_and_not_the_number_of_frames() -> None:
    """Frames of a second each that show anger outweigh many short ones that do not."""
    camera = Camera(Condition(settings(**ANGRY)))
    changes = []
    for _ in range(4):
        changes += camera.play(2, someone("happy"), fps=25)
        changes += camera.play(3, someone("angry"), fps=1)
    assert [change.event for change in changes] == ["began"]


def test_each_face_counts_by_its_time() -> None:
    two_of_three = [someone("angry", 1), someone("angry", 2), someone("sad", 3)]
    (began,) = Camera(Condition(settings(**ANGRY))).play(10, *two_of_three)
    assert began.seen.value == pytest.approx(2 / 3)
    assert began.seen.people == 3
    assert not Camera(Condition(settings(**ANGRY))).play(20, *two_of_three[1:])


def test_an_uncertain_face_is_not_angry_but_counts() -> None:
    unsure = someone("angry", 2, share=0.3)
    assert not unsure["certain"]
    assert not Camera(Condition(settings(**ANGRY))).play(20, someone("angry"), unsure)
    (began,) = Camera(Condition(settings(**(ANGRY | {"emotion": "uncertain", "above": 0.4})))).play(
        10, someone("angry"), unsure
    )
    assert began.seen.value == 0.5


def test_a_short_angry_visit_says_nothing() -> None:
    camera = Camera(Condition(settings(**ANGRY)))
    camera.play(20)
    assert not camera.play(4, someone("angry"))
    assert not camera.play(20)


def test_only_faces_in_the_zone_count() -> None:
    inside = Condition(settings(**ANGRY, zone="entrance"))
    assert Camera(inside).play(10, someone("angry", zones=["entrance"]), someone("sad", zones=["desk"]))
    outside = Condition(settings(**ANGRY, zone="entrance"))
    assert not Camera(outside).play(20, someone("angry", zones=["desk"]))
    without = {name: value for name, value in someone("angry").items() if name != "zones"}
    assert not Camera(Condition(settings(**ANGRY, zone="entrance"))).play(20, without)


def test_a_number_of_faces_is_a_mean_over_the_time() -> None:
    crowd = [someone("neutral", number) for number in range(4)]
    camera = Camera(Condition(settings(when="faces", above=3, lasts=10, quiet=0)))
    assert not camera.play(10, *crowd[:3])
    assert not camera.play(4)
    (began,) = camera.play(20, *crowd)
    assert began.seen.value > 3
    (ended,) = camera.play(20)
    assert ended.event == "ended"


def test_one_frame_with_many_faces_is_no_crowd() -> None:
    camera = Camera(Condition(settings(when="faces", above=2, lasts=5, quiet=0)))
    assert not camera.play(0.4, *[someone("neutral", number) for number in range(9)])
    assert not camera.play(10, someone("neutral"))


def test_when_frames_stop_the_share_ends() -> None:
    condition = Condition(settings(**ANGRY))
    camera = Camera(condition)
    assert camera.play(10, someone("angry"))
    assert condition.judge(camera.now_ns + 1 * SECOND, state("lost")) is None
    change = condition.judge(camera.now_ns + 30 * SECOND, state("lost"))
    assert change is not None
    assert change.event == "ended"
    assert change.seen.face_seconds == 0


def test_quiet_holds_back_the_next_beginning_also_after_a_restart() -> None:
    def play(condition: Condition, begun_ns: int) -> float:
        camera = Camera(condition)
        camera.now_ns = begun_ns
        while not (changes := camera.play(1, someone("angry"))):
            assert camera.seconds() < 300
        assert changes[0].event == "began"
        return camera.seconds()

    quiet = settings(**(ANGRY | {"quiet": 120}))
    assert play(Condition(quiet), START) < 11
    before = WebhookState(began_ns=START, holds=False)
    assert 120 <= play(Condition(quiet, before), START) <= 122


def test_after_a_restart_what_holds_is_not_said_again() -> None:
    camera = Camera(Condition(settings(**ANGRY), WebhookState(began_ns=START - 60 * SECOND, holds=True)))
    camera.frames, frames = 0, 10
    for number in range(frames):  # what is read back of the results before the first judgement
        captured_ns = START - (frames - number) * SECOND
        camera.condition.add(result("door", number + 1, [someone("angry")], captured_ns))
    assert not camera.play(20, someone("angry"))


def test_a_result_that_comes_again_counts_once() -> None:
    condition = Condition(settings(when="faces", above=0, lasts=10, quiet=0))
    for _ in range(100):
        condition.add(result("door", 1, [someone("angry")], START))
        condition.add(result("door", 2, [someone("angry")], START + SECOND))
    assert condition.judge(START + SECOND, state("live")) is None


def test_a_lost_camera_is_said_after_its_time_and_when_it_is_back() -> None:
    condition = Condition(settings(when="lost", lasts=30, quiet=0))
    told = [condition.judge(START + n * SECOND, state("lost" if n % 2 else "connecting")) for n in range(31)]
    began = told.pop()
    assert told == [None] * 30
    assert began is not None
    assert (began.event, began.seen.value) == ("began", 30.0)
    ended = condition.judge(START + 40 * SECOND, state("live"))
    assert ended is not None
    assert ended.event == "ended"
    assert condition.judge(START + 50 * SECOND, state("lost")) is None


@pytest.mark.parametrize("name", ["paused", "ended", "live"])
def test_a_camera_that_ought_not_to_deliver_is_not_lost(name: str) -> None:
    condition = Condition(settings(when="lost", lasts=1, quiet=0))
    assert not any(condition.judge(START + n * SECOND, state(name)) for n in range(10))


def test_a_camera_that_no_process_runs_is_lost() -> None:
    condition = Condition(settings(when="lost", lasts=5, quiet=0))
    assert [bool(condition.judge(START + n * SECOND, None)) for n in range(6)] == [False] * 5 + [True]


def test_a_loss_that_holds_is_not_ended_by_a_change_of_dashboards() -> None:
    condition = Condition(settings(when="lost", lasts=30, quiet=0), WebhookState(began_ns=START, holds=True))
    assert condition.judge(START + SECOND, state("lost")) is None
    ended = condition.judge(START + 2 * SECOND, state("live"))
    assert ended is not None
    assert ended.event == "ended"


@pytest.mark.parametrize(
    "values",
    [
        {"when": "emotion", "above": 0.5},
        {"when": "emotion", "emotion": "angry"},
        {"when": "emotion", "emotion": "angry", "above": 1.0},
        {"when": "faces"},
        {"when": "faces", "above": 2, "emotion": "sad"},
        {"when": "lost", "above": 2},
        {"when": "lost", "zone": "entrance"},
        {"when": "lost", "secret": "short"},
        {"when": "lost", "url": "ftp://host/"},
        {"when": "lost", "url": "http://"},
        {"when": "lost", "url": "http://host:0/"},
        {"when": "lost", "url": "http://host:x/"},
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        WebhookSettings(**{"url": "http://localhost/", **values})


def test_people_who_have_left_count_no_more() -> None:
    camera = Camera(Condition(settings(**ANGRY)))
    for number in range(30):
        camera.play(1, someone("happy", number))
    (began,) = camera.play(9, someone("angry", 99))
    assert began.seen.people <= 6
