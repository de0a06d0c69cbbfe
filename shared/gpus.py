"""Which NVIDIA GPUs, or slices of them (MIG), this host has."""

import re
import shutil
import subprocess
from typing import Final

LIST_SECONDS: Final = 10
_LINE: Final = re.compile(r"^\s*(GPU|MIG)\b.*\(UUID: ([^)]+)\)")


def list_gpus() -> list[str]:
    """Return the UUIDs of this host's NVIDIA GPUs, in the driver's order; none without `nvidia-smi`.

    A GPU that is cut into MIG slices is given as its slices: nothing can run on the whole of it then.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=LIST_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):  # installed, but without a driver or a GPU
        return []
    return read_list(answer.stdout)


def read_list(text: str) -> list[str]:
    """Return the UUIDs that `nvidia-smi -L` prints, slices in place of their GPU."""
    devices: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if found and found[1] == "GPU":
            devices.append((found[2], []))
        elif found and devices:
            devices[-1][1].append(found[2])
    return [uuid for gpu, slices in devices for uuid in slices or [gpu]]
