"""Which NVIDIA GPUs this host has."""

import shutil
import subprocess
from typing import Final

LIST_SECONDS: Final = 10


def list_gpus() -> list[str]:
    """Return the UUIDs of this host's NVIDIA GPUs, in the driver's order; none without `nvidia-smi`."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=LIST_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):  # installed, but without a driver or a GPU
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]
