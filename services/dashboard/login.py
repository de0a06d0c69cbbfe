"""Logging in and out, and as whom this browser speaks."""

import asyncio
import math
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, Field

from services.dashboard import audit
from services.dashboard.access import COOKIE, Access, RefusedError, get_access
from services.dashboard.roles import IDENTITY, Identity, address_of, identity_of
from services.dashboard.sessions import Session

router = APIRouter(tags=["access"])


class Login(BaseModel):
    """What one logs in with."""

    token: str = Field(max_length=500)


AccessParameter = Annotated[Access, Depends(get_access)]


@router.get("/api/session")
def session(request: Request, access: AccessParameter) -> dict[str, Any]:
    """As whom this browser speaks: `role` is null while it has to log in; `csrf` goes with each change."""
    return _describe(access, identity_of(request), access.session_of(request))


@router.post("/api/session")
def log_in(login: Login, request: Request, response: Response, access: AccessParameter) -> dict[str, Any]:
    """Log in with a token; the session is a cookie that scripts can't read."""
    if not access.login_needed:
        raise HTTPException(409, "no login is needed here: set dashboard.admin_token for one")
    try:
        role = access.check_token(login.token, address_of(request))
    except RefusedError as refused:
        wait = math.ceil(refused.retry_seconds)
        raise HTTPException(
            refused.status, refused.detail, {"Retry-After": str(wait)} if wait else None
        ) from None
    cookie, opened = access.sessions.open(role, time.time() + access.session_seconds)
    response.set_cookie(COOKIE, cookie, max_age=int(access.session_seconds), **_cookie_flags(request))
    identity = Identity(role, "session", opened.identity, opened.expires_at)
    request.scope[IDENTITY] = identity
    audit.record(request, "session.open", opened.identity)
    return _describe(access, identity, opened)


@router.delete("/api/session", status_code=204)
async def log_out(request: Request, response: Response, access: AccessParameter) -> None:
    """Log out: the session is over, wherever its cookie may be, and so are its WebSockets."""
    session = access.session_of(request)
    if session is not None:
        await access.logins.end(session.identity, session.expires_at)
        await asyncio.to_thread(audit.record, request, "session.close", session.identity)
    response.delete_cookie(COOKIE, **_cookie_flags(request))


def _describe(access: Access, identity: Identity | None, session: Session | None) -> dict[str, Any]:
    return {
        "role": identity.role if identity else None,
        "login": access.login_needed,
        "csrf": access.sessions.csrf_token(session) if session else "",
        "expires_at": session.expires_at if session else None,
    }


def _cookie_flags(request: Request) -> dict[str, Any]:
    return {"httponly": True, "samesite": "strict", "path": "/", "secure": request.url.scheme == "https"}
