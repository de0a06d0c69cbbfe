"""Results, ledger, health and wanted state in Redis; it and its parts, `store_*.py`, alone talk to it."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import redis

from shared import attendance, keys, layout, lease
from shared.config import CameraSettings, RedisSettings, Settings
from shared.errors import StoreError
from shared.records import (
    Advance,
    Applied,
    CameraState,
    Change,
    Cursor,
    Entry,
    Health,
    Origin,
    Recorded,
    Wanted,
    WantedCamera,
)
from shared.store_connection import Guard, connect, redact, url_of
from shared.store_figures import Books, FrameAges, ServerFigures, read_ages, read_books, read_server
from shared.store_history import History
from shared.store_logins import LoginStore
from shared.store_webhooks import WebhookStore

__all__ = [
    "Advance",
    "Applied",
    "CameraState",
    "Change",
    "Cursor",
    "Entry",
    "Health",
    "Recorded",
    "Store",
    "Wanted",
    "WantedCamera",
    "redis_url",
]

HEALTH_SECONDS: Final = 5
AUDIT_LENGTH: Final = 10_000
TIDY_SECONDS: Final = 600.0
"""How often the living are listed again; who was not within twice that leaves the index."""
PAGE: Final = 200
"""Entries applied in one round trip: well within the timeout."""

_T = TypeVar("_T", Health, CameraState)


def redis_url(settings: Settings) -> str:
    """Return where Redis is: as configured, else the embedded server's socket in the run directory."""
    return url_of(settings.redis, settings.run_dir)


class Store(History):
    """Everything Mien keeps in Redis. Connects when first used; may be shared by threads.

    Every method raises StoreError, one line with the remedy, when Redis is away, full or refuses.
    """

    def __init__(self, settings: RedisSettings, run_dir: Path) -> None:
        self.url = url_of(settings, run_dir)
        self._client: Any = connect(self.url, settings)  # redis-py types answers as bytes or str
        script = (Path(__file__).parent / "advance.lua").read_text()
        self._advance = self._client.register_script(script)
        self._calls = Guard(redact(self.url), self._client.connection_pool)
        self.webhooks = WebhookStore(self._client, self._calls)
        self.logins = LoginStore(self._client, self._calls)
        self._listed_at: dict[str, float] = {}

    def ping(self) -> None:
        """Return if Redis answers."""
        with self._calls():
            self._client.ping()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def server(self) -> ServerFigures:
        """Return what the server says of itself."""
        with self._calls():
            return read_server(self._client)

    # --- wanted state ---------------------------------------------------------------------------

    def put_camera(self, name: str, settings: CameraSettings, origin: Origin = "user") -> None:
        """Want a camera, or change it."""
        value = json.dumps({"settings": settings.model_dump(exclude_defaults=True), "origin": origin})
        with self._calls():
            self._client.hset(keys.WANTED_CAMERAS, name, value)

    def remove_camera(self, name: str) -> bool:
        """No longer want a camera; False if it was not wanted. What it recorded stays for its time."""
        with self._calls():
            return bool(self._client.hdel(keys.WANTED_CAMERAS, name))

    def cameras(self) -> dict[str, CameraSettings]:
        """Return the wanted cameras by name."""
        return {name: wanted.settings for name, wanted in self.wanted_cameras().items()}

    def wanted_cameras(self) -> dict[str, WantedCamera]:
        """Return the wanted cameras by name, with who wants them; malformed ones logged and left out."""
        with self._calls():
            stored = self._client.hgetall(keys.WANTED_CAMERAS)
        found = {
            name.decode(): layout.read_camera(name.decode(), value) for name, value in sorted(stored.items())
        }
        return {name: wanted for name, wanted in found.items() if wanted}

    def replace_config_cameras(self, cameras: Mapping[str, CameraSettings], group: str | None = None) -> None:
        """Make the cameras of the settings file exactly these; those a user added at run time stay.

        With a group, only its cameras are put in and taken out.
        """
        new = {name: camera for name, camera in cameras.items() if group in (None, camera.group)}
        outdated = [
            name
            for name, wanted in self.wanted_cameras().items()
            if wanted.origin == "config" and group in (None, wanted.settings.group) and name not in new
        ]
        with self._calls():
            if outdated:
                self._client.hdel(keys.WANTED_CAMERAS, *outdated)
        for name, settings in new.items():
            self.put_camera(name, settings, "config")

    def wanted(self) -> Wanted:
        """Return what the user asked of the running stack."""
        with self._calls():
            stored = self._client.hgetall(keys.WANTED_SETTINGS)
        values = {name.decode(): value for name, value in stored.items()}
        try:
            return msgspec.convert({name: json.loads(value) for name, value in values.items()}, Wanted)
        except (ValueError, msgspec.ValidationError) as error:
            raise StoreError(
                f"{keys.WANTED_SETTINGS} in Redis is malformed ({error}); delete it with redis-cli"
            ) from None

    def set_wanted(self, **changes: str | int | bool | None) -> None:
        """Change fields of `Wanted`; None goes back to what is configured.

        Raises:
            StoreError: also for an unknown field or a wrong type.
        """
        try:
            msgspec.convert({name: value for name, value in changes.items() if value is not None}, Wanted)
            unknown = set(changes) - set(Wanted.__struct_fields__)
            if unknown:
                raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        except (ValueError, msgspec.ValidationError) as error:
            raise StoreError(f"wanted state: {error}") from None
        with self._calls():
            for name, value in changes.items():
                if value is None:
                    self._client.hdel(keys.WANTED_SETTINGS, name)
                else:
                    self._client.hset(keys.WANTED_SETTINGS, name, json.dumps(value))

    # --- who changed what -----------------------------------------------------------------------

    def record_change(self, change: Change) -> None:
        """Add to the audit log; the oldest entries go."""
        fields: dict[Any, Any] = msgspec.to_builtins(change)
        with self._calls():
            self._client.xadd(keys.AUDIT, fields, maxlen=AUDIT_LENGTH, approximate=True)

    def changes(self, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """Return the newest entries of the audit log first, each with its `id` and `at_ms` (since 1970).

        Args:
            limit: at most so many.
            before: an entry's `id`, to go on behind it.
        """
        with self._calls():
            found = self._client.xrevrange(keys.AUDIT, f"({before}" if before else "+", "-", count=limit)
        return [layout.read_change(entry_id.decode(), fields) for entry_id, fields in found]

    # --- who captures ---------------------------------------------------------------------------

    def hold_group(self, group: str, instance: str, seconds: float) -> bool:
        """Take, or go on holding, the right to capture a group's cameras; False while another has it."""
        with self._calls():
            return lease.hold(self._client, keys.group_holder(group), instance, seconds)

    def release_group(self, group: str, instance: str) -> None:
        """Give that right back at once, if this instance has it."""
        with self._calls():
            lease.release(self._client, keys.group_holder(group), instance)

    # --- signs of life --------------------------------------------------------------------------

    def publish_health(self, health: Health) -> None:
        """Say how this process does; it counts as gone 5 s later."""
        key = keys.health(health.service, health.instance)
        member = f"{health.service}:{health.instance}"
        self._publish(keys.HEALTH_INDEX, {member: (key, msgspec.json.encode(health))})

    def health(self) -> list[Health]:
        """Return the living processes, by service and instance."""
        return self._living(keys.HEALTH_INDEX, lambda member: keys.health(*member.split(":", 1)), Health)

    def publish_cameras(self, states: Iterable[CameraState], seconds: float = HEALTH_SECONDS) -> None:
        """Say how cameras do; they count as unknown so long after that, at most `TIDY_SECONDS`."""
        signs = {state.camera: (keys.state(state.camera), msgspec.json.encode(state)) for state in states}
        if signs:
            self._publish(keys.STATE_INDEX, signs, min(seconds, TIDY_SECONDS))

    def camera_states(self) -> dict[str, CameraState]:
        """Return the cameras that some capture process runs."""
        return {state.camera: state for state in self._living(keys.STATE_INDEX, keys.state, CameraState)}

    def _publish(
        self, index: str, signs: Mapping[str, tuple[str, bytes]], seconds: float = HEALTH_SECONDS
    ) -> None:
        """Set each member's (key, value) for a while; list in the index those that were not there before."""
        with self._calls(), self._client.pipeline(transaction=False) as pipe:
            for key, value in signs.values():
                pipe.set(key, value, ex=int(seconds), get=True)
            before = pipe.execute()
            now = time.monotonic()
            due = [
                key
                for (key, _), old in zip(signs.values(), before, strict=True)
                if old is None or now > self._listed_at.get(key, -inf) + TIDY_SECONDS
            ]
            if due:
                self._listed_at.update(dict.fromkeys((key for key, _ in signs.values()), now))
                attendance.note(self._client, index, signs, 2 * TIDY_SECONDS)

    def _living(self, index: str, key: Callable[[str], str], record: type[_T]) -> list[_T]:
        with self._calls(), self._client.pipeline(transaction=False) as pipe:
            for member in sorted(self._client.zrange(index, 0, -1)):
                pipe.get(key(member.decode()))
            values = pipe.execute()
        return [msgspec.json.decode(value, type=record) for value in values if value]

    # --- results --------------------------------------------------------------------------------

    def apply(self, entries: Sequence[Entry]) -> list[Applied]:
        """Apply the entries in order, one script call each, and say what each changed.

        Raises:
            StoreError: not confirmed. Some may have been applied; applying all again is safe.
        """
        chunks = [entries[start : start + PAGE] for start in range(0, len(entries), PAGE)]
        with self._calls():
            answers = [answer for chunk in chunks for answer in self._send_all(chunk)]
        return [layout.read_answer(answer) for answer in answers]

    def _send_all(self, entries: Sequence[Entry]) -> list[Any]:
        try:
            return self._send(entries)
        except redis.exceptions.NoScriptError:  # a new or flushed server
            self._client.script_load(self._advance.script)
            return self._send(entries)

    def _send(self, entries: Sequence[Entry]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipe:
            for entry in entries:
                names = layout.advance_keys(entry)
                result = entry.result.json if entry.result else b""
                pipe.evalsha(self._advance.sha, len(names), *names, layout.plan(entry), result)
            answers: list[Any] = pipe.execute()
        return answers

    def newest_ages(self, cameras: Sequence[str], count: int) -> list[FrameAges]:
        """Return how old each camera's newest frames, at most `count` of each, were at every stage."""
        with self._calls():
            return read_ages(self._client, cameras, count)

    def ledger(self, camera: str) -> dict[str, int]:
        """Return outcome → frames, `captured`, and `in_flight`: captured and not accounted for yet."""
        with self._calls():
            stored = self._client.hgetall(keys.ledger(camera))
        counts = {name.decode(): int(value) for name, value in sorted(stored.items())}
        captured = counts.pop("captured", 0)
        return {"captured": captured, "in_flight": captured - sum(counts.values()), **counts}

    def books(self, camera: str) -> Books:
        """Return how the camera's ledger stands."""
        with self._calls():
            return read_books(self._client, camera)

    def cursor(self, camera: str) -> Cursor:
        """Return how far the camera's ledger is."""
        with self._calls(), self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.cursor(camera))
            pipe.hkeys(keys.holes(camera))
            stored, holes = pipe.execute()
        values = {name.decode(): int(value) for name, value in stored.items()}
        return Cursor(
            live=bool(values.pop("live", 1)),
            ended=bool(values.pop("ended", 0)),
            **values,
            holes=tuple(
                sorted((int(run), int(number)) for run, number in (hole.split(b":") for hole in holes))
            ),
        )

    def forget_camera(self, camera: str) -> None:
        """Delete all that was recorded of a camera."""
        with self._calls():
            patterns = (f"mien:{{{camera}}}:{unit}:*" for unit in ("hour", "day"))
            counts = [key for each in patterns for key in self._client.scan_iter(match=each, count=1000)]
            named = [
                make(camera) for make in (keys.latest, keys.results, keys.cursor, keys.holes, keys.ledger)
            ]
            self._client.delete(*named, *counts)
