"""Judges every webhook's condition on every camera it is for, and queues what is to be said of it."""

import itertools
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.dashboard.conditions import Change, Condition
from shared import metrics
from shared.config import WebhookSettings
from shared.records import WantedWebhook
from shared.store import Store
from shared.timestamp import timestamp

MAX_RESULTS: Final = 2000
"""Of one camera read at once; what is more is read the next time."""

_Place = tuple[str, str]
"""Webhook and camera."""


class Watcher:
    """Reads what was recorded since it looked last; begins again from Redis after a restart.

    Args:
        store: results, camera states, and what was said before.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._conditions: dict[_Place, Condition] = {}
        self._read_to: dict[str, str] = {}
        """Camera → stream id."""

    def look(self, wanted: Mapping[str, WantedWebhook], now_ns: int) -> None:
        """Read, judge, and queue.

        Args:
            wanted: the webhooks by name.
            now_ns: wall clock.

        Raises:
            StoreError: Redis is away; what was not queued is judged again.
        """
        self._follow(wanted)
        for camera in {
            camera for (_, camera), each in self._conditions.items() if each.settings.when != "lost"
        }:
            self._read(camera, now_ns)
        states = self._store.camera_states()
        for (name, camera), condition in self._conditions.items():
            change = condition.judge(now_ns, states.get(camera))
            if change:
                self._say(name, camera, condition, change, now_ns)

    def _follow(self, wanted: Mapping[str, WantedWebhook]) -> None:
        """Have a condition for every webhook and camera there is now, and for no other."""
        cameras = self._store.cameras()
        needed = {
            (name, camera): webhook.settings
            for name, webhook in wanted.items()
            for camera in (webhook.settings.cameras or cameras)
            if camera in cameras and not webhook.settings.paused
        }
        changed = {
            place: settings
            for place, settings in needed.items()
            if place not in self._conditions or self._conditions[place].settings != settings
        }
        gone = self._conditions.keys() - needed.keys()
        if not changed and not gone:
            return
        states = self._store.webhooks.states()
        for place in gone | (states.keys() - needed.keys()):
            self._store.webhooks.forget_state(*place)
            self._conditions.pop(place, None)
        for place, settings in changed.items():
            self._conditions[place] = Condition(settings, states.get(place))
            self._read_to.pop(place[1], None)

    def _read(self, camera: str, now_ns: int) -> None:
        conditions = [each for (_, watched), each in self._conditions.items() if watched == camera]
        after = self._read_to.get(camera)
        longest = max(condition.settings.lasts for condition in conditions)
        since_ns = 0 if after else now_ns - int(longest * 1e9)
        for result in itertools.islice(
            self._store.results(camera, since_ns=since_ns, after=after), MAX_RESULTS
        ):
            for condition in conditions:
                condition.add(result)
            self._read_to[camera] = result["id"]

    def _say(self, name: str, camera: str, condition: Condition, change: Change, now_ns: int) -> None:
        told = change.event == "began" or condition.settings.ends
        message = message_of(name, camera, condition.settings, change, now_ns) if told else None
        try:
            queued = self._store.webhooks.say(name, camera, change.state, message)
        except Exception:
            del self._conditions[name, camera]  # it would say this no more; a new one begins where Redis is
            raise
        if not queued:
            metrics.WEBHOOK_MESSAGES.labels(outcome="full").inc()


def message_of(name: str, camera: str, settings: WebhookSettings, change: Change, now_ns: int) -> bytes:
    """Return the JSON that a webhook gets when its condition begins or ends on a camera."""
    seen = {"value": round(change.seen.value, 4)}
    if settings.when != "lost":
        seen |= {"face_seconds": round(change.seen.face_seconds, 2), "people": change.seen.people}
    return _encode(
        name, change.event, now_ns, settings,
        {"camera": camera, "zone": settings.zone, "began_at": timestamp(change.state.began_ns), **seen},
    )  # fmt: skip


def trial_of(name: str, settings: WebhookSettings, now_ns: int) -> bytes:
    """Return the JSON that a webhook gets when somebody tries it."""
    return _encode(name, "test", now_ns, settings, {})


def _encode(name: str, event: str, now_ns: int, settings: WebhookSettings, more: Mapping[str, Any]) -> bytes:
    condition = {field: getattr(settings, field) for field in ("when", "emotion", "above", "lasts")}
    return msgspec.json.encode(
        {
            "id": uuid.uuid4().hex,
            "webhook": name,
            "event": event,
            "at": timestamp(now_ns),
            "at_ns": now_ns,
            "condition": {field: value for field, value in condition.items() if value is not None},
            **more,
        }
    )
