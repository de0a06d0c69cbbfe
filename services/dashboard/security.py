"""What every request passes first: whose page it comes from, its size, and what a browser may load."""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 64 * 1024
"""Of a request whose route has no limit of its own."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
)
NOT_KEPT: Final = (b"cache-control", b"no-store")
"""For answers that do not say themselves whether they may be kept."""


class Guard:
    """Wraps the app: refuses foreign hosts and origins and large bodies, and adds the security headers.

    A page of another site that a visitor's browser has open can send requests here; it can't forge `Origin`.
    One whose name was made to point here (DNS rebinding) comes under that name as `Host`; such names have a
    dot, so numeric addresses and plain names such as `localhost` pass, and others only if they are listed.

    Args:
        app: what is guarded.
        hosts: further names under which the page is served.
        body_limits: path → bytes its body may have, where that is not `MAX_BODY_BYTES`.
    """

    def __init__(
        self, app: App, hosts: Collection[str] = (), body_limits: Mapping[str, int] | None = None
    ) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)
        self._body_limits = body_limits or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (refusal := self.refusal(scope)) is not None:
            await _refuse(scope, send, *refusal)
        else:
            await self._serve(scope, receive, send)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return (status, reason) for a request that must not go on, None for a good one."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_known(host):
            return 421, f"this page is not served as {host[:100]!r}; list the name in dashboard.hosts"
        origin = headers.get(b"origin", b"").decode("latin-1")
        if self._must_be_ours(scope) and origin and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "a page of another site may not do this"
        if scope["type"] == "websocket" and not origin and b"sec-fetch-site" in headers:
            return 403, "a browser must say whose page this is"
        length = headers.get(b"content-length", b"0")
        limit = self._body_limit(scope)
        if not length.isdigit() or int(length) > limit:
            return 413, _too_large(limit)
        return None

    def _body_limit(self, scope: Scope) -> int:
        return self._body_limits.get(scope["path"], MAX_BODY_BYTES)

    def _must_be_ours(self, scope: Scope) -> bool:
        return scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:  # an unclosed bracket
            return False
        return bool(name) and (_is_address(name) or "." not in name or name in self._hosts)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken, limit = 0, self._body_limit(scope)

        async def limited() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if taken > limit:
                raise HTTPException(413, _too_large(limit))
            return message

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                cached = any(name.lower() == b"cache-control" for name, _ in given)
                message = {**message, "headers": [*given, *HEADERS, *([] if cached else [NOT_KEPT])]}
            await send(message)

        await self._app(scope, limited, with_headers)


def _too_large(limit: int) -> str:
    return f"a body may have {limit} bytes here"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(scope: Scope, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    body = json.dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
