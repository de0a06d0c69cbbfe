"""Frames in shared memory: read in place, and never mistaken for one another."""

import os
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from shared.errors import DecodeError
from shared.frame_memory import SLOTS, FrameReader, FrameWriter
from shared.messages import Encoding, Frame, Place


def picture(value: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def header(
    sequence: int, place: Place | None, height: int = 6, width: int = 8, run: int = 1, camera: str = "door"
) -> Frame:
    return Frame(
        camera=camera, run=run, sequence=sequence, live=True, captured_ns=1, width=width, height=height,
        ages={}, encoding=Encoding.SHARED, age_ns=0, previous=sequence - 1, place=place,
    )  # fmt: skip


def test_each_frame_is_read_as_it_was_written() -> None:
    writer, reader = FrameWriter(), FrameReader()
    places = [writer.put(turn, turn + 1, picture(turn)) for turn in range(SLOTS)]
    for turn, place in enumerate(places):
        view = reader.view(header(turn + 1, place))
        assert view.shape == (6, 8, 3)
        assert (view == turn).all()
        assert not view.flags.writeable


def test_an_overwritten_frame_is_refused_and_noticed_while_it_is_read() -> None:
    writer, reader = FrameWriter(), FrameReader()
    first = header(1, writer.put(0, 1, picture(1)))
    reader.view(first)
    writer.put(SLOTS, SLOTS + 1, picture(2))
    assert not reader.is_intact(first)
    with pytest.raises(DecodeError, match="overwritten"):
        reader.view(first)


def test_a_larger_picture_gets_larger_memory_and_the_old_one_stays_readable() -> None:
    writer, reader = FrameWriter(), FrameReader()
    small = header(1, writer.put(0, 1, picture(1)))
    kept = reader.view(small)
    large = header(2, writer.put(1, 2, picture(2, 300, 400)), 300, 400)
    assert (reader.view(large) == 2).all()
    assert (kept == 1).all()


def test_a_source_that_has_ended_is_named() -> None:
    writer, reader = FrameWriter(), FrameReader()
    place = writer.put(0, 1, picture(1))
    writer.close()
    with pytest.raises(DecodeError, match="source has ended"):
        reader.view(header(1, place))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(bytes(10_000))
        place = Place(path=f"/proc/{os.getpid()}/fd/{file.fileno()}", offset=0)
        with pytest.raises(DecodeError, match="not a source's memory"):
            FrameReader().view(header(1, place))


def test_memory_that_could_shrink_is_refused() -> None:
    file = os.memfd_create("mien-frames")
    os.ftruncate(file, 4096)
    with pytest.raises(DecodeError):
        FrameReader().view(header(1, Place(path=f"/proc/{os.getpid()}/fd/{file}", offset=0)))
    os.close(file)


def test_a_place_outside_the_memory_is_refused() -> None:
    writer, reader = FrameWriter(), FrameReader()
    place = writer.put(0, 1, picture(1))
    for offset in (2**40, 4096 * 100):
        with pytest.raises(DecodeError):
            reader.view(header(1, Place(path=place.path, offset=offset)))
    with pytest.raises(DecodeError, match="outside"):
        reader.view(header(1, place, height=6000, width=8000))


def test_a_path_that_is_no_descriptor_is_not_even_decoded() -> None:
    fields = msgspec.to_builtins(Place(path="/proc/1/fd/3", offset=0))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields | {"path": "/etc/passwd"}, Place)


def test_a_new_run_maps_its_own_memory() -> None:
    old, new, reader = FrameWriter(), FrameWriter(), FrameReader()
    assert (reader.view(header(1, old.put(0, 1, picture(1)))) == 1).all()
    assert (reader.view(header(1, new.put(0, 1, picture(7)), run=2)) == 7).all()


def mapped_memories() -> int:
    return Path("/proc/self/maps").read_text().count("/memfd:mien-frames")


def test_the_memory_of_a_camera_that_is_gone_is_let_go() -> None:
    gone, there, new, reader = FrameWriter(), FrameWriter(), FrameWriter(), FrameReader()
    kept = header(1, there.put(0, 1, picture(3)), camera="there")
    first = header(1, new.put(0, 1, picture(4)), camera="new")
    reader.view(header(1, gone.put(0, 1, picture(1)), camera="gone"))
    reader.view(kept)
    before = mapped_memories()
    gone.close()
    assert (reader.view(first) == 4).all()
    assert mapped_memories() == before  # one more, one less
    assert (reader.view(kept) == 3).all()
    assert mapped_memories() == before


def test_a_reader_that_missed_a_growth_does_not_keep_what_it_knew() -> None:
    writer, always, seldom = FrameWriter(), FrameReader(), FrameReader()
    for number, side in enumerate((6, 200, 600, 1500), start=1):
        frame = header(number, writer.put(number, number, picture(number, side, 8)), side)
        for reader in (always, seldom) if number != 2 else (always,):
            assert (reader.view(frame) == number).all()


def test_a_frame_that_was_sent_before_a_growth_is_still_read() -> None:
    writer = FrameWriter()
    small = header(1, writer.put(0, 1, picture(1)))
    writer.put(1, 2, picture(2, 300, 400))
    assert (FrameReader().view(small) == 1).all()


def test_pictures_that_grow_slowly_need_few_memories() -> None:
    writer = FrameWriter()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(1, 200):
        writer.put(number, number, picture(1, 40 * number, 10))
    assert len(os.listdir("/proc/self/fd")) - before < 12
    writer.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the last memory's own map
