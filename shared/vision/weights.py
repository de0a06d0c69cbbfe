"""YuNet's weights file: where it is kept, how it is checked, and how `mien fetch` gets it."""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from shared.errors import ArtefactError
from shared.paths import expanded

YUNET_SHA256: Final = "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12"
YUNET_URL: Final = (
    "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/master/onnx/yunet_n_dynamic.onnx"
)
"""The authors' own file (Apache-2.0); the checksum pins its content whatever the branch holds."""
CACHE: Final = Path("~/.cache/mien/yunet_n_dynamic.onnx")
MAX_BYTES: Final = 8 * 1024 * 1024
"""The file has 323 kB; anything far larger is something else."""
TIMEOUT_SECONDS: Final = 30


def checked_cache(path: Path = CACHE) -> Path | None:
    """Return the cached weights file, or None if there is none or its content is not the pinned one."""
    path = expanded(path)
    try:
        return path if sha256(path.read_bytes()) == YUNET_SHA256 else None
    except OSError:
        return None


def fetch_weights(source: Path | None = None, url: str = YUNET_URL, target: Path = CACHE) -> Path:
    """Get the weights from the authors' repository, or from a file, check them and keep them.

    Args:
        source: a copy of the file that was brought here by hand; None: download it.
        url: where to download from.
        target: where to keep it.

    Returns:
        The path it is kept under.

    Raises:
        ArtefactError: unreachable, unreadable, not the pinned content, or the target can't be written.
    """
    origin = str(source) if source else url
    data = _read(expanded(source)) if source else _download(url)
    if sha256(data) != YUNET_SHA256:
        raise ArtefactError(
            f"{origin} is not the pinned YuNet file (SHA-256 {sha256(data)[:12]}…, {len(data)} bytes)"
        )
    return _keep(data, expanded(target))


def sha256(data: bytes) -> str:
    """Return the hex digest."""
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise ArtefactError(
            f"can't read {path}: {error.strerror}; `--from` takes a file that was downloaded from {YUNET_URL}"
        ) from None


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            return bytes(response.read(MAX_BYTES))
    except (
        OSError,
        ValueError,
    ) as error:  # URLError and its kin are OSErrors; a malformed URL is a ValueError
        reason = getattr(error, "reason", None) or error
        raise ArtefactError(
            f"can't download {url}: {reason}; download it elsewhere and give it with `mien fetch --from FILE`"
        ) from None


def _keep(data: bytes, target: Path) -> Path:
    """Write aside and rename, so that nobody ever reads half a file."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise ArtefactError(f"can't write into {target.parent}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(aside).chmod(0o644)
        Path(aside).replace(target)
    except OSError as error:
        Path(aside).unlink(missing_ok=True)
        raise ArtefactError(f"can't write {target}: {error.strerror}") from None
    return target
