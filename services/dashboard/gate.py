"""Stands before every route: nothing goes to who may not have it, whatever a route forgets to say."""

import math
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from services.dashboard.access import NOT_LOGGED_IN, Access, RefusedError
from services.dashboard.rates import Rates
from services.dashboard.roles import IDENTITY, Role, address_of
from services.dashboard.security import SAFE_METHODS, App, Receive, Scope, Send

OPEN_PAGES: Final = frozenset({"/", "/docs", "/healthz"})
"""What anybody may load: the pages themselves hold nothing, and show the login."""
OPEN_FOLDER: Final = "/static/"
SESSION: Final = "/api/session"
LOOKING: Final = frozenset({("DELETE", SESSION), ("POST", "/api/analyze")})
"""What changes nothing here, though its method could."""
ADMIN_SOCKETS: Final = "/ws/"


class Gate:
    """Wraps the app: finds out as whom each request speaks, and refuses what that role may not do.

    Args:
        app: what is guarded.
        access: knows tokens and sessions.
        rates: counts the requests of each address; those for pages and their files do not count.
    """

    def __init__(self, app: App, access: Access, rates: Rates) -> None:
        self._app, self._access, self._rates = app, access, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope)
        except RefusedError as refused:
            await _refuse(refused, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        is_page = scope["path"] in OPEN_PAGES or scope["path"].startswith(OPEN_FOLDER)
        connection = HTTPConnection(scope)
        if not is_page and (early := self._rates.take(address_of(connection))):
            raise RefusedError(429, "too many requests from this address", early)
        if is_open(scope):
            return
        identity = scope[IDENTITY] = self._access.identify(connection)
        if scope["path"] == SESSION and scope["method"] in SAFE_METHODS:
            return
        if identity is None:
            raise RefusedError(401, NOT_LOGGED_IN)
        if identity.role is not Role.ADMIN and needed_role(scope) is Role.ADMIN:
            raise RefusedError(403, "this needs the admin role")


def is_open(scope: Scope) -> bool:
    """Tell whether anybody may have it: the page, its files, and the login."""
    path: str = scope["path"]
    if scope["type"] == "websocket":
        return False
    is_login = path == SESSION and scope["method"] == "POST"
    return is_login or path in OPEN_PAGES or path.startswith(OPEN_FOLDER)


def needed_role(scope: Scope) -> Role:
    """Return who may do this, going by its method; a route may ask for more."""
    if scope["type"] == "websocket":
        return Role.ADMIN if scope["path"].startswith(ADMIN_SOCKETS) else Role.VIEWER
    harmless = scope["method"] in SAFE_METHODS or (scope["method"], scope["path"]) in LOOKING
    return Role.VIEWER if harmless else Role.ADMIN


async def _refuse(refused: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refused.detail})
        return
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
    if refused.retry_seconds:
        headers["Retry-After"] = str(math.ceil(refused.retry_seconds))
    await JSONResponse({"detail": refused.detail}, refused.status, headers)(scope, receive, send)
