"""Which GPUs the classifiers may take."""

import shutil
import subprocess
from typing import Final

from shared.errors import ConfigError

LIST_SECONDS: Final = 5.0


def list_gpus() -> list[str]:
    """Return the UUIDs of this machine's NVIDIA GPUs in order; empty where there are none or no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(
            [program, "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=LIST_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def visible_gpus(choice: str, present: list[str]) -> list[str]:
    """Return the UUIDs that `auto`, `none` or a list of numbers stands for.

    Raises:
        ConfigError: a number names a GPU that is not there.
    """
    if choice == "none":
        return []
    if choice == "auto":
        return present
    numbers = [int(number) for number in choice.split(",")]
    missing = [number for number in numbers if number >= len(present)]
    if missing:
        there = f"only 0 to {len(present) - 1}" if present else "none"
        raise ConfigError(
            f"scale.gpus: there is no GPU {missing[0]} on this machine ({there}): see `mien doctor`"
        )
    return [present[number] for number in numbers]
