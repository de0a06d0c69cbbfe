"""`POST /api/cameras/test`: tries a source before it is used, in a process that is killed in time."""

import asyncio
import contextlib
import json
import sys
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from services.dashboard.access import NEED_ADMIN
from services.dashboard.api import StoreParameter, get_settings
from services.dashboard.control import kept_source
from services.dashboard.live import may_be_clear
from services.dashboard.openapi import errors
from shared.config import CameraKey, CameraSettings, Settings, redact, redact_source
from shared.status import read_status
from shared.store import Store

TRIAL_SECONDS: Final = 25.0
"""Twice what a camera may take to open, for a busy machine; a driver that hangs does so for ever."""
MOST_AT_ONCE: Final = 2

router = APIRouter()
_running: set[object] = set()


class TrialCamera(CameraSettings):
    """A camera to try."""

    name: CameraKey | None = Field(
        None, description="of a camera there is: a source as the API shows it is then tried with its password"
    )


class TrialFace(BaseModel):
    """A face in the picture."""

    box: tuple[float, float, float, float] = Field(description="x, y, width, height in pixels")
    score: float


class CameraTrial(BaseModel):
    """What the source gave."""

    width: int
    height: int
    fps: float
    first_frame_seconds: float
    picture: str = Field(description="a JPEG as data: URL; faces blurred unless clear pictures are allowed")
    faces: list[TrialFace] = Field(description="largest first, those in masks left out")
    advice: list[str] = Field(description="one line each; empty: nothing to improve")


@router.post(
    "/api/cameras/test",
    tags=["cameras"],
    dependencies=[NEED_ADMIN],
    responses=errors({422: "Why the source gives no picture", 429: "Too many trials at once"}),
)
async def try_camera(camera: TrialCamera, request: Request, store: StoreParameter) -> CameraTrial:
    """Open a source as capture would; say what it gives and which faces are in its picture, or why not."""
    settings = get_settings(request)
    wanted, clear = await asyncio.to_thread(_prepare, camera, store)
    ticket = object()
    if len(_running) >= MOST_AT_ONCE:
        raise HTTPException(429, f"{MOST_AT_ONCE} sources are being tried; try again in a moment")
    _running.add(ticket)
    try:
        report = await _look(wanted, settings, "clear" if clear else "blurred")
    finally:
        _running.discard(ticket)
    return CameraTrial(**{**report, "picture": f"data:image/jpeg;base64,{report['picture']}"})


def _prepare(camera: TrialCamera, store: Store) -> tuple[CameraSettings, bool]:
    """Return the settings to try, and whether the picture may be shown clear."""
    values = camera.model_dump(exclude={"name"})
    known = store.cameras().get(camera.name) if camera.name else None
    if known is not None:
        values["source"] = kept_source(camera.source, known)
    return CameraSettings(**values), may_be_clear(read_status(store))


async def _look(camera: CameraSettings, settings: Settings, shown: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "services.capture.look", "--picture", shown]
    command += ["--config", str(settings.config)] if settings.config else []
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            output, complaint = await process.communicate(camera.model_dump_json().encode())
    except TimeoutError:
        shown = redact_source(camera.source)
        raise HTTPException(
            422, f"{shown} gave no picture within {TRIAL_SECONDS:.0f} s: is the address right?"
        ) from None
    finally:  # also when whoever asked has gone
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode:
        last = (complaint.decode(errors="replace").strip().splitlines() or ["it ended without a word"])[-1]
        raise HTTPException(422, redact(last.removeprefix("mien: ")))
    report: dict[str, Any] = json.loads(output)
    return report
