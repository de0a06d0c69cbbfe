"""The store's part for logins: which ended before their time."""

import time
from typing import Any

from shared import keys
from shared.store_connection import Guard


class LoginStore:
    """What Redis knows of logins; every method raises StoreError as those of `Store`."""

    def __init__(self, client: Any, calls: Guard) -> None:
        self._client, self._calls = client, calls

    def end(self, session: str, expires_at: float, longest_seconds: float) -> None:
        """Note that somebody has logged out.

        Args:
            session: its identity.
            expires_at: when it would have ended by itself, in seconds since 1970.
            longest_seconds: how long a login holds at most: what was noted before that is forgotten.
        """
        fields = {"session": session, "expires_at": repr(expires_at)}
        oldest = int((time.time() - longest_seconds) * 1000)
        with self._calls():
            self._client.xadd(keys.ENDED_LOGINS, fields, minid=oldest, approximate=False)
            self._client.expire(keys.ENDED_LOGINS, int(longest_seconds) + 1)

    def ended(self, after: str) -> tuple[dict[str, float], str]:
        """Return session → when it would have ended by itself, of those noted lately; and where to go on.

        Args:
            after: what was returned before as where to go on; `-`: from the beginning.
        """
        with self._calls():
            found = self._client.xrange(keys.ENDED_LOGINS, after if after == "-" else f"({after}", "+")
        ended = {fields[b"session"].decode(): float(fields[b"expires_at"]) for _, fields in found}
        return ended, found[-1][0].decode() if found else after
