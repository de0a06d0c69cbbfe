"""Raw frames between processes of one machine, written once and read in place instead of sent.

A source owns a memory file without a name (Linux memfd) with a ring of slots; a message says where in it
a frame lies. A slot holds the frame's sequence number beside its pixels: who reads a frame checks it before
and after, so a frame that was overwritten meanwhile is noticed. The memory is gone with the last process
that uses it.
"""

import fcntl
import mmap
import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.errors import DecodeError
from shared.messages import Frame, Place

Picture = NDArray[np.uint8]

SLOTS: Final = 16
"""Frames sent before a slot is written again: twice what detectors hold of one camera (topology.FRAMES), as
a frame may take one detector twice as long as the others."""
_NAME: Final = "mien-frames"
_HEAD_BYTES: Final = 64
_SEALS: Final = 0x2 | 0x4 | 0x1  # linux/fcntl.h: F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL
_ADD_SEALS: Final = 1033
_GET_SEALS: Final = 1034


def is_supported() -> bool:
    """Say whether this system has memory files."""
    return hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


class FrameWriter:
    """A source's memory; a larger one takes its place with the first frame that does not fit."""

    def __init__(self) -> None:
        self._files: list[int] = []
        """The last one is written to. The others stay open while the source lives: frames in them may be on
        their way, and a number that is used again would show readers what they mapped under it before.
        """
        self._memory = np.empty(0, np.uint8)
        self._slot_bytes = 0

    def put(self, turn: int, sequence: int, picture: Picture) -> Place:
        """Write a frame and return where it lies.

        Args:
            turn: which slot, counted on and on; the same again overwrites a frame that was not sent.
            sequence: of the frame.
            picture: (H, W, 3) uint8.
        """
        if picture.nbytes + _HEAD_BYTES > self._slot_bytes:
            self._make(picture.nbytes + _HEAD_BYTES)
        offset = turn % SLOTS * self._slot_bytes
        head = self._memory[offset : offset + 8].view(np.uint64)
        head[0] = 0
        start = offset + _HEAD_BYTES
        np.copyto(self._memory[start : start + picture.nbytes].reshape(picture.shape), picture)
        head[0] = sequence
        return Place(path=f"/proc/{os.getpid()}/fd/{self._files[-1]}", offset=offset)

    def close(self) -> None:
        """Let go of the memory; who still reads it keeps it."""
        while self._files:
            os.close(self._files.pop())

    def _make(self, slot_bytes: int) -> None:
        twice = 2 * self._slot_bytes  # so that there are few of them, however slowly pictures grow
        self._slot_bytes = -(-max(slot_bytes, twice) // mmap.PAGESIZE) * mmap.PAGESIZE
        file = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._files.append(file)
        os.ftruncate(file, self._slot_bytes * SLOTS)
        fcntl.fcntl(file, _ADD_SEALS, _SEALS)
        self._memory = np.frombuffer(mmap.mmap(file, self._slot_bytes * SLOTS), np.uint8)


class FrameReader:
    """Maps sources' memories, one per camera, and shows frames in place."""

    def __init__(self) -> None:
        self._mapped: dict[str, tuple[tuple[int, str], NDArray[np.uint8]]] = {}

    def view(self, header: Frame) -> Picture:
        """Return the frame as a read-only (H, W, 3) uint8 view of its source's memory.

        Raises:
            DecodeError: the source has ended, the place is not its memory, or the frame was overwritten.
        """
        if not self.is_intact(header):
            raise DecodeError("the frame was overwritten by its source")
        memory, start = self._memory(header), _place(header).offset + _HEAD_BYTES
        pixels = memory[start : start + header.height * header.width * 3]
        if pixels.size != header.height * header.width * 3:
            raise DecodeError("the frame's place lies outside its source's memory")
        return pixels.reshape(header.height, header.width, 3)

    def is_intact(self, header: Frame) -> bool:
        """Say whether the slot still holds this frame.

        Raises:
            DecodeError: as for `view`.
        """
        offset = _place(header).offset
        head = self._memory(header)[offset : offset + 8]
        return head.size == 8 and int(head.view(np.uint64)[0]) == header.sequence

    def _memory(self, header: Frame) -> NDArray[np.uint8]:
        key = (header.run, _place(header).path)
        known = self._mapped.get(header.camera)
        if known is None or known[0] != key:
            self._drop_ended()
            known = self._mapped[header.camera] = (key, _map(key[1]))
        return known[1]

    def _drop_ended(self) -> None:
        """Let go of the memories whose sources have ended: a camera that is gone sends nothing to say so."""
        self._mapped = {
            camera: known for camera, known in self._mapped.items() if os.path.exists(known[0][1])
        }


def _place(header: Frame) -> Place:
    if header.place is None:
        raise DecodeError("a shared frame names its place")
    return header.place


def _map(path: str) -> NDArray[np.uint8]:
    """Map a source's memory for reading; anything else, and memory that could shrink under us, is refused."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DecodeError(f"the frame's source has ended ({error.strerror})") from None
    try:
        if (
            not os.readlink(path).startswith(f"/memfd:{_NAME}")
            or fcntl.fcntl(file, _GET_SEALS) & _SEALS != _SEALS
        ):
            raise DecodeError("the frame's place is not a source's memory")
        return np.frombuffer(mmap.mmap(file, 0, prot=mmap.PROT_READ), np.uint8)
    except (OSError, ValueError) as error:
        raise DecodeError(f"the frame's place can't be read: {error}") from None
    finally:
        os.close(file)
