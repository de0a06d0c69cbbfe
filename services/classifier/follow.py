"""Follows the wanted model: loads and warms the new one in a thread, while the old one goes on working."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from services.classifier.backend import Backend
from shared.artefact import CARD
from shared.errors import MienError, StoreError

logger = logging.getLogger(__name__)

Wish = tuple[str, int]
"""Path of a model folder and the time of its card's last change: a folder exported anew is a new wish."""


class ModelFollower:
    """The model in use, and the one that is being loaded.

    Args:
        load: returns a warmed backend of a model folder; None: of the configured one.
        wanted: returns the folder that is wanted; None: the configured one.
    """

    def __init__(self, load: Callable[[Path | None], Backend], wanted: Callable[[], str | None]) -> None:
        self._load = load
        self._wanted = wanted
        self._wish: Wish | None = None
        self._fresh: Backend | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Backend:
        """Return the wanted model's backend, or where that can't be had the configured one's, loaded now.

        Raises:
            MienError: the configured model can't be used.
        """
        try:
            path = self._wanted()
        except StoreError:  # it will be followed when Redis is there
            path = None
        if path:
            self._wish = _wish(path)
            self._replace(path)
        return self.take() or self._load(None)

    def follow(self) -> None:
        """Look what is wanted and, if that changed, begin to load it; call once a second.

        A wish that can't be fulfilled is logged once; the model in use stays.

        Raises:
            StoreError: what is wanted can't be read.
        """
        if self._thread and self._thread.is_alive():
            return
        path = self._wanted()
        wish = _wish(path) if path else None
        if wish == self._wish:
            return
        self._wish = wish
        self._thread = threading.Thread(target=self._replace, args=(path,), name="model-loader", daemon=True)
        self._thread.start()

    def take(self) -> Backend | None:
        """Return a new backend once after it became ready; call between two batches."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def _replace(self, path: str | None) -> None:
        try:
            self._fresh = self._load(Path(path) if path else None)
        except MienError as error:
            logger.error("the wanted model can't be used, the old one stays: %s", error)
        except Exception:
            logger.exception("the wanted model %s can't be loaded, the old one stays", path)


def _wish(path: str) -> Wish:
    try:
        return path, (Path(path) / CARD).stat().st_mtime_ns
    except OSError:
        return path, 0
