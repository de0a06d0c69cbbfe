"""Names of everything Mien keeps in Redis; all start with `mien:`, a camera's own carry its hash tag."""

from typing import Final

WANTED_CAMERAS: Final = "mien:wanted:cameras"
"""Hash camera → JSON of its settings and who wants it."""
WANTED_SETTINGS: Final = "mien:wanted:settings"
"""Hash of what `Wanted` holds, each value JSON."""
WANTED_WEBHOOKS: Final = "mien:wanted:webhooks"
"""Hash webhook → JSON of its settings and who wants it."""
WEBHOOK_SENDER: Final = "mien:webhooks:sender"
"""String: the dashboard that watches conditions and sends, gone 10 s after its last sign of life."""
WEBHOOK_STATES: Final = "mien:webhooks:states"
"""Hash `webhook/camera` → JSON of `WebhookState`."""
HEALTH_INDEX: Final = "mien:health"
"""Sorted set of `service:instance`, by milliseconds of the last sign of life: spares a SCAN over all keys."""
AUDIT: Final = "mien:audit"
"""Stream of who changed what, newest 10,000 or so."""
ENDED_LOGINS: Final = "mien:logins:ended"
"""Stream of sessions that somebody has logged out of, for as long as one holds."""
STATE_INDEX: Final = "mien:states"
"""Sorted set of camera names, by milliseconds of the last sign of life."""


def latest(camera: str) -> str:
    """String: JSON of the camera's newest result."""
    return f"mien:{{{camera}}}:latest"


def results(camera: str) -> str:
    """Stream: one entry a recorded frame, field `json`."""
    return f"mien:{{{camera}}}:results"


def cursor(camera: str) -> str:
    """Hash: run, sequence, captured, live, ended, before_run, before_captured, tracks (see `Cursor`)."""
    return f"mien:{{{camera}}}:cursor"


def holes(camera: str) -> str:
    """Hash `run:sequence` → milliseconds when that frame was skipped; its fate is not known yet."""
    return f"mien:{{{camera}}}:holes"


def ledger(camera: str) -> str:
    """Hash outcome → frames, and `captured`."""
    return f"mien:{{{camera}}}:ledger"


def hour(camera: str, unix_hour: int) -> str:
    """Hash `minute:name` → count or seconds, for one hour since 1970."""
    return f"mien:{{{camera}}}:hour:{unix_hour}"


def day(camera: str, unix_day: int) -> str:
    """Hash `hour:name` → count or seconds, for one day since 1970."""
    return f"mien:{{{camera}}}:day:{unix_day}"


def state(camera: str) -> str:
    """String: JSON of `CameraState`, gone 5 s after capture's last sign of life."""
    return f"mien:{{{camera}}}:state"


def health(service: str, instance: str) -> str:
    """String: JSON of `Health`, gone 5 s after the process's last sign of life."""
    return f"mien:health:{service}:{instance}"


def group_holder(group: str) -> str:
    """String: the capture instance that reads the group; gone 4 s after its last sign of life."""
    return f"mien:capture:{group}"


def webhook_queue(name: str) -> str:
    """List: JSON of the messages that a webhook has yet to get, oldest first."""
    return f"mien:webhook:{name}:queue"


def webhook_counts(name: str) -> str:
    """Hash outcome → messages, and of the last attempt: `at_ns`, `result`."""
    return f"mien:webhook:{name}:counts"
