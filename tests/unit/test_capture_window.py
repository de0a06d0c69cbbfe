"""What a source sends, in which order, and what it tells of frames that it never sent."""

from hypothesis import given
from hypothesis import strategies as st

from services.capture.window import Outgoing, Window


def send_all(window):
    sent = []
    while (outgoing := window.next()) is not None:
        sent.append(outgoing)
        window.mark_sent()
    return sent


def test_a_live_source_keeps_only_its_newest_frame_beyond_the_window():
    window = Window(2, live=True)
    for name in "ab":
        window.add(name)
        send_all(window)
    for name in "cde":
        assert window.has_room
        window.add(name)
    assert send_all(window) == []
    window.acknowledge([1])
    assert send_all(window) == [Outgoing(5, 2, "e")]
    assert (window.captured, window.sent, window.unfinished) == (5, 5, 2)


def test_a_frame_that_could_not_be_taken_in_time_counts_as_captured():
    window = Window(2, live=True)
    window.add("a")
    send_all(window)
    window.skip()
    window.skip()
    assert window.add("d") == 4
    assert send_all(window) == [Outgoing(4, 1, "d")]


def test_a_frame_that_was_not_sent_waits():
    window = Window(2, live=True)
    window.add("a")
    assert window.next() == window.next() == Outgoing(1, 0, "a")
    assert (window.sent, window.sends) == (0, 0)


def test_a_live_source_sends_nothing_again_to_a_new_broker():
    window = Window(2, live=True)
    for name in "abc":
        window.add(name)
        send_all(window)
    window.reset()
    assert send_all(window) == [Outgoing(3, 2, "c")]
    window.acknowledge([1, 2])
    assert window.unfinished == 1


def test_a_recorded_source_stops_reading_while_its_window_is_full():
    window = Window(3, live=False)
    while window.has_room:
        window.add("frame")
    assert window.captured == 3
    assert [frame.sequence for frame in send_all(window)] == [1, 2, 3]
    assert not window.has_room
    window.acknowledge([2])
    assert window.has_room


def test_a_recorded_source_sends_unacknowledged_frames_again_in_order():
    window = Window(4, live=False)
    for name in "abcd":
        window.add(name)
    window.next()
    window.mark_sent()
    window.next()
    window.mark_sent()
    window.next()
    window.mark_sent()
    window.acknowledge([2])
    window.reset()
    assert send_all(window) == [Outgoing(1, 0, "a"), Outgoing(3, 2, "c"), Outgoing(4, 3, "d")]
    window.reset()
    window.reset()
    assert [frame.sequence for frame in send_all(window)] == [1, 3, 4]
    assert (window.sent, window.sends) == (4, 9)


EVENTS = st.lists(st.sampled_from(["add", "send", "acknowledge", "reset"]), max_size=80)


@given(EVENTS, st.randoms(use_true_random=False))
def test_a_recorded_source_never_loses_or_invents_a_frame(events, chance):
    """At the end each frame was sent, and none that was acknowledged is sent again."""
    window, in_flight, acknowledged = Window(8, live=False), set(), set()
    for event in [*events, "reset"]:
        if event == "add" and window.has_room:
            window.add(object())
        elif event == "send" and (outgoing := window.next()) is not None:
            assert outgoing.sequence not in acknowledged
            window.mark_sent()
            in_flight.add(outgoing.sequence)
        elif event == "acknowledge" and in_flight:
            sequence = chance.choice(sorted(in_flight))
            window.acknowledge([sequence])
            in_flight.remove(sequence)
            acknowledged.add(sequence)
        elif event == "reset":
            window.reset()
            in_flight.clear()
        assert window.unfinished <= 8
    rest = [outgoing.sequence for outgoing in send_all(window)]
    assert rest == sorted(set(range(1, window.captured + 1)) - acknowledged)


@given(st.lists(st.sampled_from(["add", "skip", "send", "acknowledge", "reset"]), max_size=80))
def test_what_a_live_source_tells_adds_up(events):
    """Each number up to the last one sent is either sent once or lies between `previous` and the next one."""
    window, told = Window(2, live=True), 0
    for event in events:
        if event == "add":
            window.add(object())
        elif event == "skip":
            window.skip()
        elif event == "send" and (outgoing := window.next()) is not None:
            assert outgoing.previous == told < outgoing.sequence <= window.captured
            told = outgoing.sequence
            window.mark_sent()
        elif event == "acknowledge":
            window.acknowledge(range(1, told + 1))
        elif event == "reset":
            window.reset()
    assert window.sent == told


def test_only_a_live_window_is_ever_full():
    for live in (True, False):
        window: Window[str] = Window(1, live)
        assert not window.is_full
        window.add("frame")
        window.mark_sent()
        assert window.is_full is live
        window.acknowledge([1])
        assert not window.is_full
