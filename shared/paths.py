"""Paths as people write them."""

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return the path with `~` as the home folder; that of a user who does not exist stays as it is.

    `Path.expanduser` raises RuntimeError there: who then looks for the path says in its own words that
    nothing is found.
    """
    return Path(os.path.expanduser(path))
