"""The store's part for webhooks: which are wanted, what they have yet to get, and what came of it."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from shared import keys, lease
from shared.config import WebhookSettings
from shared.records import Origin, WantedWebhook, WebhookState
from shared.store_connection import Guard

SENDER_SECONDS: Final = 10.0
MAX_WAITING: Final = 100
"""Messages that wait for one webhook; a further one is dropped and counted as `full`."""

_log = logging.getLogger(__name__)
_State = tuple[str, str]
"""Webhook and camera."""


class WebhookStore:
    """What Redis knows of webhooks; every method raises StoreError as those of `Store`."""

    def __init__(self, client: Any, calls: Guard) -> None:
        self._client, self._calls = client, calls

    # --- which are wanted -----------------------------------------------------------------------

    def put(self, name: str, settings: WebhookSettings, origin: Origin = "user") -> None:
        """Want a webhook, or change it. URL and secret lie in Redis as they are."""
        values = settings.model_dump(mode="json", exclude_defaults=True)
        for field in ("url", "secret"):
            if field in values:
                values[field] = getattr(settings, field).get_secret_value()
        with self._calls():
            self._client.hset(keys.WANTED_WEBHOOKS, name, json.dumps({"settings": values, "origin": origin}))

    def remove(self, name: str) -> bool:
        """No longer want a webhook, with all that waits for it; False if it was not wanted."""
        with self._calls(), self._client.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.WANTED_WEBHOOKS, name)
            pipe.delete(keys.webhook_queue(name), keys.webhook_counts(name))
            return bool(pipe.execute()[0])

    def wanted(self) -> dict[str, WantedWebhook]:
        """Return the wanted webhooks by name; malformed ones logged and left out."""
        with self._calls():
            stored = self._client.hgetall(keys.WANTED_WEBHOOKS)
        found = {name.decode(): _read(name.decode(), value) for name, value in sorted(stored.items())}
        return {name: wanted for name, wanted in found.items() if wanted}

    def replace_config(self, webhooks: Mapping[str, WebhookSettings]) -> None:
        """Make the webhooks of the settings file exactly these; those a user added at run time stay."""
        for name, wanted in self.wanted().items():
            if wanted.origin == "config" and name not in webhooks:
                self.remove(name)
        for name, settings in webhooks.items():
            self.put(name, settings, "config")

    # --- who sends ------------------------------------------------------------------------------

    def hold_sender(self, instance: str) -> bool:
        """Take, or go on holding, the right to watch conditions and send; False while another has it."""
        with self._calls():
            return lease.hold(self._client, keys.WEBHOOK_SENDER, instance, SENDER_SECONDS)

    def release_sender(self, instance: str) -> None:
        """Give that right back at once, if this instance has it."""
        with self._calls():
            lease.release(self._client, keys.WEBHOOK_SENDER, instance)

    # --- what is sent ---------------------------------------------------------------------------

    def states(self) -> dict[_State, WebhookState]:
        """Return what was last said of each webhook's condition on each camera."""
        with self._calls():
            stored = self._client.hgetall(keys.WEBHOOK_STATES)
        return {
            _split(place.decode()): msgspec.json.decode(value, type=WebhookState)
            for place, value in stored.items()
        }

    def forget_state(self, name: str, camera: str) -> None:
        """Forget what was said of a webhook that is gone, or of a camera that it no longer watches."""
        with self._calls():
            self._client.hdel(keys.WEBHOOK_STATES, f"{name}/{camera}")

    def say(self, name: str, camera: str, state: WebhookState, message: bytes | None) -> bool:
        """Keep what a condition is now and, with it, the message about that.

        Returns:
            False if too many messages wait already: this one is dropped, and counted as `full`.
        """
        with self._calls():
            fits = message is None or self._client.llen(keys.webhook_queue(name)) < MAX_WAITING
            with self._client.pipeline(transaction=True) as pipe:
                pipe.hset(keys.WEBHOOK_STATES, f"{name}/{camera}", msgspec.json.encode(state))
                if message is not None and fits:
                    pipe.rpush(keys.webhook_queue(name), message)
                elif not fits:
                    pipe.hincrby(keys.webhook_counts(name), "full", 1)
                pipe.execute()
        return bool(fits)

    def oldest(self, name: str) -> bytes | None:
        """Return the message that a webhook gets next."""
        with self._calls():
            message: bytes | None = self._client.lindex(keys.webhook_queue(name), 0)
        return message

    def settle(self, name: str, message: bytes, outcome: str) -> None:
        """Take a message out of the queue and count what became of it."""
        with self._calls(), self._client.pipeline(transaction=True) as pipe:
            pipe.lrem(keys.webhook_queue(name), 1, message)
            pipe.hincrby(keys.webhook_counts(name), outcome, 1)
            pipe.execute()

    def note_attempt(self, name: str, at_ns: int, result: str) -> None:
        """Keep what the last attempt came to, for a person."""
        with self._calls():
            self._client.hset(keys.webhook_counts(name), mapping={"at_ns": at_ns, "result": result})

    def figures(self, name: str) -> dict[str, Any]:
        """Return outcome → messages, `waiting`, and of the last attempt `at_ns` and `result`."""
        with self._calls(), self._client.pipeline(transaction=True) as pipe:
            pipe.llen(keys.webhook_queue(name))
            pipe.hgetall(keys.webhook_counts(name))
            waiting, stored = pipe.execute()
        values = {field.decode(): value.decode() for field, value in stored.items()}
        return {"waiting": waiting} | {
            field: value if field == "result" else int(value) for field, value in values.items()
        }


def _split(place: str) -> _State:
    name, _, camera = place.partition("/")
    return name, camera


def _read(name: str, value: bytes) -> WantedWebhook | None:
    try:
        stored = json.loads(value)
        return WantedWebhook(settings=WebhookSettings(**stored["settings"]), origin=stored["origin"])
    except (ValueError, KeyError, TypeError, ValidationError):  # its text would hold the secret
        _log.warning("webhook %s in %s is malformed, left out", name, keys.WANTED_WEBHOOKS)
        return None
