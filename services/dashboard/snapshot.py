"""`GET /api/cameras/NAME/snapshot.jpg`: one live picture, blurred unless clear is allowed and asked for."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request, Response

from services.dashboard.access import NEED_VIEWER, Role, role_of
from services.dashboard.api import CameraPath, StoreParameter
from services.dashboard.camera_feed import picture_jpeg
from services.dashboard.feeds import Hub
from services.dashboard.live import may_be_clear
from services.dashboard.openapi import errors
from shared.messages import Preview
from shared.status import read_status
from shared.store import Store

WAIT_SECONDS: Final = 5.0
"""A camera of less than a frame in five seconds is better read by its results."""

router = APIRouter(tags=["cameras"])


@router.get(
    "/api/cameras/{name}/snapshot.jpg",
    summary="One live picture",
    dependencies=[NEED_VIEWER],
    response_class=Response,
    responses={
        200: {"description": "A JPEG, at most 640 pixels wide", "content": {"image/jpeg": {}}},
        **errors(
            {
                403: "Clear pictures are not allowed",
                404: "There is no camera of this name",
                504: f"No picture came within {WAIT_SECONDS:.0f} s",
            }
        ),
    },
)
async def snapshot(
    name: CameraPath,
    request: Request,
    store: StoreParameter,
    clear: Annotated[
        bool, Query(description="faces not blurred: an admin, and only where that is allowed")
    ] = False,
) -> Response:
    """Wait for the camera's next picture. It is not stored, here or on the way."""
    if clear and role_of(request) is not Role.ADMIN:
        raise HTTPException(403, "clear pictures need the admin role")
    await asyncio.to_thread(_check, store, name, clear)
    hub: Hub = request.app.state.hub
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            picture = await hub.next_picture(name, Preview.CLEAR if clear else Preview.BLURRED)
    except TimeoutError:
        raise HTTPException(504, f"camera {name} gave no picture within {WAIT_SECONDS:.0f} s") from None
    return Response(picture_jpeg(picture), media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _check(store: Store, name: str, clear: bool) -> None:
    """Refuse a camera that is not there, and clear pictures where they are not allowed."""
    status = read_status(store)
    if name not in {camera.camera for camera in status.cameras}:
        raise HTTPException(404, f"there is no camera {name}")
    if clear and not may_be_clear(status):
        raise HTTPException(
            403, "pictures are blurred: switch blur off, and set detector.preview to clear on every detector"
        )
