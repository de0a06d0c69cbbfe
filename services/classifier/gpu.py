"""Takes a free GPU for this process, before TensorFlow is imported and would take them all."""

import fcntl
import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from shared.errors import ConfigError
from shared.gpus import list_gpus

logger = logging.getLogger(__name__)

_UUIDS: Final = ("GPU-", "MIG-")


def may_use_gpu(backend: str) -> bool:
    """Return whether a classifier with this `classifier.backend` is to claim a GPU.

    `auto` does only where TensorFlow is installed: LiteRT has no use for a GPU.
    """
    return backend == "tensorflow" or (backend == "auto" and bool(importlib.util.find_spec("tensorflow")))


class GpuClaim:
    """A GPU that no other worker of this host takes, until the claim is released or the process ends."""

    def __init__(self, uuid: str, lock: int) -> None:
        self.uuid = uuid
        self._lock = lock

    @classmethod
    def take(cls, folder: Path, candidates: Sequence[str]) -> Self | None:
        """Claim the first free one by `flock` on `gpu-<uuid>`; None if all are taken.

        Args:
            folder: shared by all workers of this host; made if missing.
            candidates: UUIDs, in the order of preference.

        Raises:
            ConfigError: the folder can't be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for uuid in candidates:
                lock = os.open(folder / f"gpu-{uuid}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(lock)
                    continue
                return cls(uuid, lock)
        except OSError as error:
            raise ConfigError(f"can't claim a GPU in {folder}: {error.strerror}") from None
        return None

    def release(self) -> None:
        """Let another worker have it."""
        os.close(self._lock)


def choose(present: Sequence[str], gpus: str, environment: Mapping[str, str]) -> list[str]:
    """Return the UUIDs that this worker may take.

    Args:
        present: what the host has.
        gpus: the setting `scale.gpus`: `auto`, `none` or indices such as `0,1`.
        environment: a CUDA_VISIBLE_DEVICES in it (indices, UUIDs or how they begin) narrows it further.

    Raises:
        ConfigError: an index that isn't there.
    """
    if gpus == "none":
        return []
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    allowed = (
        list(present) if visible is None else _named(present, visible, "CUDA_VISIBLE_DEVICES", strict=False)
    )
    if gpus == "auto":
        return allowed
    return [uuid for uuid in _named(present, gpus, "scale.gpus", strict=True) if uuid in allowed]


def _named(present: Sequence[str], names: str, what: str, strict: bool) -> list[str]:
    found: list[str] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        alike = [uuid for uuid in present if name.startswith(_UUIDS) and uuid.startswith(name)]
        if name.isdigit() and int(name) < len(present):
            found.append(present[int(name)])
        elif len(alike) == 1:  # CUDA takes the beginning of a UUID, too
            found += alike
        elif not strict and (name.startswith("MIG-") or (name.startswith(_UUIDS) and not present)):
            found.append(name)  # somebody gave this process a device that nvidia-smi does not list
        elif strict:
            raise ConfigError(f"{what}: no GPU {name}; this host has {len(present)} (see `nvidia-smi`)")
        else:
            break  # as CUDA does: what stands behind an unknown name is not visible
    return found


def claim_gpu(
    folder: Path,
    gpus: str,
    environment: dict[str, str] | os._Environ[str],
    wait: Callable[[], None] | None = None,
) -> GpuClaim | None:
    """Claim a free GPU and pin this process to it by CUDA_VISIBLE_DEVICES; without one, hide them all.

    Call before TensorFlow is imported.

    Args:
        folder: shared by all workers of this host.
        gpus: the setting `scale.gpus`.
        environment: of this process.
        wait: called between two looks while all GPUs are taken; None: go on without one then.

    Raises:
        ConfigError: as `choose` and `GpuClaim.take`.
    """
    candidates = choose(list_gpus(), gpus, environment)
    claim = GpuClaim.take(folder, candidates)
    if claim is None and candidates and wait:
        logger.warning("all %d GPUs are taken: waiting for one", len(candidates))
        while claim is None:
            wait()
            claim = GpuClaim.take(folder, candidates)
    environment["CUDA_VISIBLE_DEVICES"] = claim.uuid if claim else "-1"
    return claim
