"""Catches what FFmpeg writes to standard error: the only way it says why, and it may hold passwords."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_STDERR: Final = 2
_KEPT_BYTES: Final = 4096


@dataclass
class NativeErrors:
    """What was written.

    Attributes:
        text: its last 4 kB, once the block is left.
    """

    text: str = ""


@contextmanager
def collect_native_errors() -> Iterator[NativeErrors]:
    """Keep what C libraries write to standard error inside the block from reaching it."""
    errors = NativeErrors()
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield errors
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _KEPT_BYTES))
            errors.text = file.read().decode(errors="replace")
