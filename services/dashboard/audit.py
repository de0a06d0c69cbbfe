"""The audit log: who changed what, newest first; bounded in Redis."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.requests import HTTPConnection

from services.dashboard.access import NEED_ADMIN
from services.dashboard.roles import address_of, identity_of
from shared.config import redact
from shared.errors import StoreError
from shared.records import Change
from shared.store import Store

logger = logging.getLogger(__name__)
router = APIRouter(tags=["access"])


def record(connection: HTTPConnection, action: str, subject: str, detail: str = "") -> None:
    """Write into the audit log who changed what; call it where the change is done. Waits for Redis.

    A log that can't be written does not undo the change: that is said in the process's own log.

    Args:
        connection: the request that did it.
        action: such as `camera.add`.
        subject: such as the camera's name.
        detail: for a person; URLs in it are written without user and password.
    """
    store: Store = connection.app.state.store
    who = _who(connection)
    try:
        store.record_change(Change(who=who, action=action, subject=subject, detail=redact(detail)))
    except StoreError as error:
        logger.warning("not in the audit log: %s: %s %s (%s)", who, action, subject, error)


def _who(connection: HTTPConnection) -> str:
    identity, address = identity_of(connection), address_of(connection)
    if identity is None:
        return f"nobody at {address}"
    session = f", session {identity.session}" if identity.session else ""
    return f"{identity.role} at {address}{session}"


@router.get("/api/audit", dependencies=[NEED_ADMIN])
def audit(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[
        str | None, Query(pattern=r"^\d{1,15}-\d{1,10}$", description="`next` of the page before")
    ] = None,
) -> dict[str, Any]:
    """Who changed what, newest first; `next` is None at the end."""
    store: Store = request.app.state.store
    found = store.changes(limit, before)
    return {"changes": found, "next": found[-1]["id"] if len(found) == limit else None}
