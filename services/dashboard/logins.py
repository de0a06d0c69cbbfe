"""When a login is over: its time is up, or somebody has logged out, here or at another dashboard."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final, Protocol

from services.dashboard.roles import Identity
from shared.errors import StoreError

READ_SECONDS: Final = 1.0
"""So soon a logout at another dashboard holds here."""


class LogoutStore(Protocol):
    """Where dashboards tell each other who has logged out; `shared.store_logins.LoginStore` is one."""

    def end(self, session: str, expires_at: float, longest_seconds: float) -> None:
        """See LoginStore."""

    def ended(self, after: str) -> tuple[dict[str, float], str]:
        """See LoginStore."""


class Logins:
    """Knows the sessions that ended before their time, and stops those who serve them.

    A cookie is valid by its signature alone; this is what a logout adds to it. While Redis is away what is
    known counts, and a logout here is told when it is back.

    Args:
        store: where dashboards tell each other.
        session_seconds: how long a login holds.
    """

    def __init__(self, store: LogoutStore, session_seconds: float) -> None:
        self._store, self._session_seconds = store, session_seconds
        self._ended: dict[str, float] = {}
        self._untold: dict[str, float] = {}
        self._serving: dict[str, set[asyncio.Timeout]] = {}
        self._read_to = "-"

    def has_ended(self, session: str) -> bool:
        """Tell whether somebody has logged out of a session."""
        return session in self._ended

    async def end(self, session: str, expires_at: float) -> None:
        """End a session here, at once, and everywhere.

        Args:
            session: its identity.
            expires_at: when it would have ended by itself, in seconds since 1970.
        """
        self._take({session: expires_at})
        self._untold[session] = expires_at
        await self._tell()

    @contextlib.asynccontextmanager
    async def serving(self, identity: Identity) -> AsyncIterator[None]:
        """Serve a connection within the `async with`, for as long as the login holds that it came with.

        Raises:
            TimeoutError: it is over.
        """
        seconds = 0.0 if self.has_ended(identity.session) else max(0.0, identity.expires_at - time.time())
        async with asyncio.timeout(seconds) as limit:
            limits = self._serving.setdefault(identity.session, set())
            limits.add(limit)
            try:
                yield
            finally:
                limits.discard(limit)
                if not limits:
                    self._serving.pop(identity.session, None)

    async def run(self) -> None:
        """Follow what other dashboards tell, until cancelled."""
        while True:
            await self.follow()
            await asyncio.sleep(READ_SECONDS)

    async def follow(self) -> None:
        """Take what other dashboards have told, and tell what is still to be told."""
        with contextlib.suppress(StoreError):
            ended, self._read_to = await asyncio.to_thread(self._store.ended, self._read_to)
            self._take(ended)
        await self._tell()
        now = time.time()
        self._ended = {session: end for session, end in self._ended.items() if end > now}

    def _take(self, ended: dict[str, float]) -> None:
        self._ended |= ended
        for session in ended:
            for limit in self._serving.get(session, ()):
                if not limit.expired():
                    limit.reschedule(0.0)

    async def _tell(self) -> None:
        with contextlib.suppress(StoreError):
            for session, expires_at in list(self._untold.items()):
                await asyncio.to_thread(self._store.end, session, expires_at, self._session_seconds)
                self._untold.pop(session, None)
