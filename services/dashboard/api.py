"""The REST API: cameras, results, status, and where Prometheus finds every process."""

import socket
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from pydantic import Field

from services.dashboard import audit
from services.dashboard.access import NEED_ADMIN, NEED_VIEWER
from services.dashboard.openapi import errors
from shared.config import CameraKey, CameraSettings, MetricsSettings, Settings, redact_source
from shared.messages import CAMERA_PATTERN
from shared.records import Health
from shared.stack import is_supervised
from shared.status import Status, read_status
from shared.store import Store

router = APIRouter()
CameraPath = Annotated[str, Path(pattern=CAMERA_PATTERN, description="the camera's name")]


def get_store(request: Request) -> Store:
    """Return the app's store."""
    store: Store = request.app.state.store
    return store


def get_settings(request: Request) -> Settings:
    """Return the app's settings."""
    settings: Settings = request.app.state.settings
    return settings


StoreParameter = Annotated[Store, Depends(get_store)]


class NewCamera(CameraSettings):
    """A camera to add: its name and how it is read."""

    name: CameraKey = Field(description="lower-case letters, digits, - and _")


def as_json(value: object, status_code: int = 200) -> Response:
    """Return a JSON response of anything that msgspec encodes."""
    return Response(msgspec.json.encode(value), status_code, media_type="application/json")


def shown_camera(name: str, settings: CameraSettings) -> dict[str, Any]:
    """Return a camera as it may be shown: its source without user and password."""
    return {"name": name, **settings.model_dump(), "source": redact_source(settings.source)}


def whole_status(store: Store, settings: Settings) -> Status:
    """Return the state of the stack; what it advises fits who runs it.

    Raises:
        StoreError: Redis is away.
    """
    return read_status(store, supervised=is_supervised(settings.run_dir))


@router.get("/healthz", tags=["system"])
def healthz() -> dict[str, str]:
    """Say that this process is well; it may be waiting for others."""
    return {"status": "ok"}


@router.get("/api/status", tags=["system"], dependencies=[NEED_VIEWER])
def status(request: Request, store: StoreParameter) -> Response:
    """The whole stack at this moment: the document that `mien status --json` prints."""
    return as_json(whole_status(store, get_settings(request)))


@router.get("/api/prometheus-targets", tags=["system"], dependencies=[NEED_VIEWER])
def prometheus_targets(request: Request, store: StoreParameter) -> list[dict[str, Any]]:
    """Every living process, for Prometheus' `http_sd_configs`."""
    metrics = get_settings(request).metrics
    return [_target(sign, metrics) for sign in store.health() if sign.metrics_port]


def _target(sign: Health, metrics: MetricsSettings) -> dict[str, Any]:
    """A process that listens on loopback is reached there; any other under its host's name."""
    here = sign.host == socket.gethostname() and metrics.host.startswith("127.")
    address = f"{metrics.host if here else sign.host}:{sign.metrics_port}"
    labels = {"job": "mien", "service": sign.service, "mien_instance": sign.instance}
    return {"targets": [address], "labels": labels}


@router.get("/api/cameras", tags=["cameras"], dependencies=[NEED_VIEWER])
def list_cameras(store: StoreParameter) -> list[dict[str, Any]]:
    """The wanted cameras; sources are shown without user and password."""
    return [shown_camera(name, settings) for name, settings in store.cameras().items()]


@router.post(
    "/api/cameras",
    tags=["cameras"],
    status_code=201,
    dependencies=[NEED_ADMIN],
    responses=errors({409: "There is a camera of this name already"}),
)
def add_camera(camera: NewCamera, request: Request, store: StoreParameter) -> dict[str, Any]:
    """Attach a camera to the running stack."""
    if camera.name in store.cameras():
        raise HTTPException(409, f"camera {camera.name} is there already; remove it first")
    settings = CameraSettings(**camera.model_dump(exclude={"name"}))
    store.put_camera(camera.name, settings)
    audit.record(request, "camera.add", camera.name, redact_source(camera.source))
    return shown_camera(camera.name, settings)


@router.delete(
    "/api/cameras/{name}",
    tags=["cameras"],
    status_code=204,
    dependencies=[NEED_ADMIN],
    responses=errors({404: "There is no such camera"}),
)
def remove_camera(name: CameraPath, request: Request, store: StoreParameter) -> None:
    """Detach a camera; what it recorded stays for its time."""
    if not store.remove_camera(name):
        raise HTTPException(404, f"there is no camera {name}")
    audit.record(request, "camera.remove", name)


@router.get(
    "/api/cameras/{name}/latest",
    tags=["results"],
    dependencies=[NEED_VIEWER],
    responses=errors({404: "Nothing is recorded of this camera"}),
)
def latest(name: CameraPath, store: StoreParameter) -> Response:
    """The camera's newest result."""
    result = store.latest(name)
    if result is None:
        raise HTTPException(404, f"nothing is recorded of camera {name}")
    return as_json(result)
