"""The read loop between a source and a broker that only pretend."""

import math
import time
from types import SimpleNamespace

import numpy as np
import pytest

from services.capture.loop import ReadLoop
from services.capture.window import Window
from shared.errors import SourceError
from shared.messages import Ack, Drained, Encoding, End, Frame, Message, Refused, Taken

RUN = 1_700_000_000_000
PICTURE = np.zeros((6, 8, 3), np.uint8)


class FakeSource:
    """Gives so many frames; calls `on_grab` with the number of each before it."""

    note = "all there"

    def __init__(self, frames, live, on_grab=lambda number: None, damaged=(), interval_seconds=0.0):
        self.live, self._frames, self._on_grab, self._damaged = live, frames, on_grab, damaged
        self.paced, self.interval_seconds = interval_seconds > 0, interval_seconds
        self._number = 0
        self.media_seconds = self.timeline_seconds = 0.0

    def grab(self):
        self._number += 1
        self._on_grab(self._number)
        self.media_seconds = self.timeline_seconds = self._number * self.interval_seconds
        return self._number <= self._frames

    def retrieve(self):
        return None if self._number in self._damaged else PICTURE

    def close(self):
        pass


class FakeBus:
    """A broker that acknowledges at once, or as the test says."""

    def __init__(self, window, acknowledging=True):
        self.ready, self.acknowledging, self.full = True, acknowledging, False
        self.sent, self.inbox, self._window = [], [], window

    def send(self, header, *payload):
        if not self.ready or self.full:
            return False
        self.sent.append(header)
        if isinstance(header, Frame) and self.acknowledging:
            self.inbox.append(Ack(run=header.run, sequences=(header.sequence,)))
        if isinstance(header, End):
            self.inbox.append(Drained())
        return True

    def receive(self, timeout_seconds):
        return Message(self.inbox.pop(0)) if self.inbox else None

    def welcome(self):
        self.ready = True
        self._window.reset()

    @property
    def frames(self):
        return [header for header in self.sent if isinstance(header, Frame)]


class Scene:
    """A loop with all that it needs."""

    def __init__(self, frames, live, size=2, fps=None, patience=math.inf, **more):
        self.window = Window(size, live)
        self.bus, self.reports = FakeBus(self.window), []
        self.loop = ReadLoop(
            "door", RUN, FakeSource(frames, live, **more), fps, self.bus, self.window,
            Encoding.BGR, 90, lambda: 5_000_000_000_000, self.reports.append,
            patience_seconds=patience,
        )  # fmt: skip

    def run(self):
        self.loop.run()
        return self.bus.frames


def test_a_recording_is_sent_whole_and_ended():
    scene = Scene(20, live=False, size=8, interval_seconds=0.001)
    frames = scene.run()
    assert [(frame.sequence, frame.previous) for frame in frames] == [(n, n - 1) for n in range(1, 21)]
    assert scene.bus.sent[-1] == End(camera="door", run=RUN, captured=20, sent=20, live=False)
    assert (scene.reports[-1].state, scene.reports[-1].detail) == ("ended", "all there")
    assert frames[4].media_seconds == pytest.approx(0.005)
    assert (frames[0].width, frames[0].height, frames[0].live) == (8, 6, False)
    assert frames[0].captured_ns > 5_000_000_000_000
    assert 0 <= frames[0].age_ns == frames[0].ages["capture"] < 1e9


def test_a_recording_leaves_no_frame_out_when_the_bus_takes_its_time():
    """The recorder would wait for it for good: of a recording every frame counts."""
    scene = Scene(4, live=False, size=8, interval_seconds=0.001)
    receive = scene.bus.receive

    def slow_receive(timeout_seconds):
        time.sleep(0.005)
        return receive(timeout_seconds)

    scene.bus.receive = slow_receive
    assert [frame.sequence for frame in scene.run()] == [1, 2, 3, 4]


def test_a_recording_waits_for_room_and_sends_again_to_a_new_broker():
    scene = Scene(20, live=False, size=8)
    scene.bus.acknowledging = False
    looks = iter(range(1000))

    def receive(timeout_seconds):
        if next(looks) == 30:
            scene.bus.acknowledging = True
            scene.bus.welcome()
        return Message(scene.bus.inbox.pop(0)) if scene.bus.inbox else None

    scene.bus.receive = receive
    sequences = [frame.sequence for frame in scene.run()]
    assert sequences == [*range(1, 9), *range(1, 21)]
    assert scene.window.unfinished == 0


def test_a_live_frame_beyond_the_window_is_overtaken():
    def on_grab(number):
        scene.bus.acknowledging = not 3 <= number <= 8
        if number == 9:
            scene.bus.inbox.append(Ack(run=RUN, sequences=(3, 4)))

    scene = Scene(12, live=True, on_grab=on_grab)
    frames = scene.run()
    taken = {frame.sequence: frame.previous for frame in frames}
    assert scene.window.captured == 12
    assert 4 in taken
    assert not {5, 6, 7, 8} & set(taken)
    assert taken[9] == 4
    assert scene.bus.sent[-1].captured == 12


def test_frames_are_numbered_on_while_there_is_no_broker():
    def on_grab(number):
        if number in (3, 7):
            scene.bus.ready = not scene.bus.ready

    scene = Scene(8, live=True, on_grab=on_grab)
    frames = scene.run()
    assert frames[-1].sequence == 8
    assert scene.window.captured == 8
    gap = next(frame for frame in frames if frame.previous != frame.sequence - 1)
    assert (gap.previous, gap.sequence) == (2, 6)


def test_an_acknowledgement_of_another_run_opens_nothing():
    scene = Scene(5, live=True)
    scene.bus.acknowledging = False
    scene.bus.inbox = [Ack(run=RUN - 1, sequences=(1, 2, 3))] * 4
    assert [frame.sequence for frame in scene.run()] == [1, 2]


def test_damaged_frames_get_no_number():
    scene = Scene(5, live=False, size=8, damaged=(2, 3))
    assert [frame.sequence for frame in scene.run()] == [1, 2, 3]


@pytest.fixture
def clock(monkeypatch):
    """The loop's monotonic time, in a list; it stands still unless a test moves it."""
    seconds = [100.0]
    clocks = SimpleNamespace(
        monotonic=lambda: seconds[0], monotonic_ns=lambda: int(seconds[0] * 1e9), time_ns=time.time_ns
    )
    monkeypatch.setattr("services.capture.loop.time", clocks)
    return seconds


def by_the_second(clock):
    """Let each grab take a second."""

    def on_grab(number):
        clock[0] += 1.0

    return on_grab


def test_a_camera_whose_pictures_can_never_be_decoded_is_lost_and_says_so(clock):
    scene = Scene(100, live=True, patience=5.0, damaged=range(4, 100), on_grab=by_the_second(clock))
    with pytest.raises(SourceError, match="camera door: pictures come, but for 5 s none"):
        scene.run()
    assert clock[0] == 110.0
    assert scene.bus.sent[-1] == End(camera="door", run=RUN, captured=3, sent=3, live=True)


def test_one_good_picture_among_damaged_ones_is_enough(clock):
    damaged = [number for number in range(1, 41) if number % 5]
    scene = Scene(40, live=True, patience=5.0, damaged=damaged, on_grab=by_the_second(clock))
    assert len(scene.run()) == 8


def test_a_file_with_a_long_damaged_stretch_is_read_on(clock):
    more = {"interval_seconds": 0.001, "on_grab": by_the_second(clock)}
    scene = Scene(40, live=False, size=8, patience=5.0, damaged=range(1, 40), **more)
    assert [frame.sequence for frame in scene.run()] == [1]


def test_a_rate_limit_leaves_frames_out_unnumbered():
    scene = Scene(95, live=False, size=8, fps=100, interval_seconds=0.001)
    assert [frame.sequence for frame in scene.run()] == list(range(1, 11))


def test_a_frame_that_comes_after_the_next_was_due_is_overtaken():
    def on_grab(number):
        if number == 4:
            time.sleep(0.5)

    scene = Scene(6, live=True, on_grab=on_grab, interval_seconds=0.2)
    frames = scene.run()
    assert 4 not in {frame.sequence for frame in frames}
    assert scene.window.captured == 6


def test_a_stop_ends_the_run_without_calling_the_camera_ended():
    """A child that somebody else asks to end is started again by its parent."""
    scene = Scene(1000, live=True, on_grab=lambda number: number == 3 and scene.loop.stop())
    scene.run()
    assert isinstance(scene.bus.sent[-1], End)
    assert "ended" not in {report.state for report in scene.reports}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Taken(camera="door"), "another capture process holds it"),
        (Refused(reason="update it"), "refuses it: update it"),
    ],
)
def test_a_refusal_loses_the_camera(answer, message):
    scene = Scene(10, live=True)
    scene.bus.inbox = [answer]
    with pytest.raises(SourceError, match=message):
        scene.run()


def test_a_lost_camera_still_ends_its_run():
    def on_grab(number):
        if number == 4:
            raise SourceError("gone")

    scene = Scene(10, live=True, on_grab=on_grab)
    with pytest.raises(SourceError, match="gone"):
        scene.run()
    assert scene.bus.sent[-1] == End(camera="door", run=RUN, captured=3, sent=3, live=True)
