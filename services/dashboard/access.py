"""As whom a request speaks, and what it may do: a viewer looks, an admin changes things."""

import hmac
import time
from typing import Final

from fastapi import Depends, HTTPException, WebSocketException
from fastapi.params import Depends as Dependency
from starlette.requests import HTTPConnection

from services.dashboard.lockout import Lockout
from services.dashboard.logins import Logins
from services.dashboard.roles import Identity, Role, address_of, role_of
from services.dashboard.security import SAFE_METHODS
from services.dashboard.sessions import Session, Sessions
from shared.tokens import Tokens

__all__ = ["NEED_ADMIN", "NEED_VIEWER", "Access", "Role", "role_of"]

COOKIE: Final = "mien_session"
CSRF_HEADER: Final = "x-csrf-token"
NOT_LOGGED_IN: Final = "log in first, or send a token as `Authorization: Bearer TOKEN`"


class RefusedError(Exception):
    """A request that must not go on.

    Attributes:
        status: for the answer.
        detail: why, in one line.
        retry_seconds: when to try again; 0: no sense in that.
    """

    def __init__(self, status: int, detail: str, retry_seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry_seconds = status, detail, retry_seconds


class Access:
    """Knows the tokens; finds out as whom a connection speaks.

    Args:
        tokens: none: everybody is an admin.
        session_seconds: how long a login holds.
        logins: knows those that ended before that.
    """

    def __init__(self, tokens: Tokens, session_seconds: float, logins: Logins) -> None:
        self.login_needed = bool(tokens)
        self.sessions = Sessions(tokens)
        self.session_seconds = session_seconds
        self.logins = logins
        self.lockout = Lockout()

    def identify(self, connection: HTTPConnection) -> Identity | None:
        """Return as whom a connection speaks; None if it does not say.

        Raises:
            RefusedError: wrong token, too many wrong tokens, or a session's change without its CSRF token.
        """
        if not self.login_needed:
            return Identity(Role.ADMIN, "open")
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Identity(self.check_token(token.strip(), address_of(connection)), "token")
        session = self.session_of(connection)
        if session is None:
            return None
        unsafe = connection.scope["type"] == "http" and connection.scope["method"] not in SAFE_METHODS
        if unsafe and not self._has_csrf_token(connection, session):
            raise RefusedError(403, "the X-CSRF-Token header is missing or wrong: load the page again")
        return Identity(session.role, "session", session.identity, session.expires_at)

    def session_of(self, connection: HTTPConnection) -> Session | None:
        """Return the session that a connection's cookie opens, None if it is over."""
        session = self.sessions.read(connection.cookies.get(COOKIE, ""), time.time())
        return None if session is None or self.logins.has_ended(session.identity) else session

    def check_token(self, token: str, address: str) -> Role:
        """Return the role that a token gives.

        Raises:
            RefusedError: it gives none, or its address must wait.
        """
        if wait := self.lockout.retry_seconds(address):
            raise RefusedError(429, "too many wrong tokens from this address", wait)
        role = self.sessions.role_of_token(token)
        if role is None:
            self.lockout.fail(address)
            raise RefusedError(401, "this token is not valid here")
        self.lockout.succeed(address)
        return role

    def _has_csrf_token(self, connection: HTTPConnection, session: Session) -> bool:
        given = connection.headers.get(CSRF_HEADER, "")
        return hmac.compare_digest(given.encode(), self.sessions.csrf_token(session).encode())


def _need(needed: Role) -> Dependency:
    def check(connection: HTTPConnection) -> None:
        role = role_of(connection)
        if role in (needed, Role.ADMIN):
            return
        if connection.scope["type"] == "websocket":
            raise WebSocketException(1008, "not allowed")
        if role is None:
            raise HTTPException(401, NOT_LOGGED_IN, {"WWW-Authenticate": "Bearer"})
        raise HTTPException(403, "this needs the admin role")

    dependency: Dependency = Depends(check)
    return dependency


NEED_VIEWER: Final = _need(Role.VIEWER)
"""For `dependencies=` of a route that shows something."""
NEED_ADMIN: Final = _need(Role.ADMIN)
"""For `dependencies=` of a route that changes something."""


def get_access(connection: HTTPConnection) -> Access:
    """Return the app's access."""
    access: Access = connection.app.state.access
    return access
