"""Logging for people (text) or machines (one JSON object a line), on standard error."""

import json
import logging
import sys
import time

from shared.config import LogSettings


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._origin = {"service": service, "instance": instance}

    def format(self, record: logging.LogRecord) -> str:
        entry = {"time": _iso(record.created), "level": record.levelname.lower(), **self._origin}
        entry |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


def setup(settings: LogSettings, service: str, instance: str) -> None:
    """Send this process's log to standard error in the configured form."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.format == "json":
        handler.setFormatter(_JsonFormatter(service, instance))
    else:
        handler.setFormatter(
            logging.Formatter(f"%(asctime)s.%(msecs)03d %(levelname)-7s {instance}: %(message)s", "%H:%M:%S")
        )
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
