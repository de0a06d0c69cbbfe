"""The REST API that changes things: cameras, the running stack's settings, and which models there are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from services.dashboard import audit
from services.dashboard.access import NEED_ADMIN, NEED_VIEWER
from services.dashboard.api import CameraPath, StoreParameter, get_settings, shown_camera
from shared.artefact import DEFAULT_ARTEFACT, find_artefacts, load_artefact
from shared.config import CameraSettings, Settings, camera_settings, redact_source
from shared.errors import ArtefactError, ConfigError
from shared.paths import expanded
from shared.records import Wanted
from shared.stack import is_supervised
from shared.store import Store
from shared.topology import MAX_WORKERS
from shared.worker_counts import COUNTED, worker_counts

MAX_DETAIL: Final = 500
"""Characters of a change in the audit log: polygons may be long."""

router = APIRouter()


class CameraChange(CameraSettings):
    """Any of a camera's settings; what is left out stays as it is."""

    model_config = ConfigDict(validate_default=False)

    source: str = Field("", min_length=1, description="left out, or as the API shows it: stays as it is")


class StackSettings(BaseModel):
    """What holds for the running stack now."""

    model: str = Field(description="model folder, one of `GET /api/models`")
    detectors: int
    classifiers: int
    recorders: int
    blur: bool = Field(description="whether faces are blurred in pictures")
    most: dict[str, int] = Field(description="how many of each worker can be asked for")
    supervised: bool = Field(description="whether `mien up` runs the stack, so that counts can be changed")
    notice: str = Field(description="what people before the cameras are told (`dashboard.notice`)")


class StackChange(BaseModel):
    """What to change; null goes back to what is configured."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, min_length=1, description="`path` of one of `GET /api/models`")
    detectors: Annotated[int, Field(ge=0, le=MAX_WORKERS["detector"])] | None = None
    classifiers: Annotated[int, Field(ge=0, le=MAX_WORKERS["classifier"])] | None = None
    recorders: Annotated[int, Field(ge=0, le=MAX_WORKERS["recorder"])] | None = None
    blur: bool | None = Field(None, description="null: blurred")


class ModelChoice(BaseModel):
    """A model folder that the classifiers can be told to use."""

    path: str
    name: str
    state: str = Field(description="`good`, or what is wrong with it")
    provisional: bool = False
    note: str = ""
    accuracy: float | None = Field(None, description="share of validation pictures read right, 0 to 1")
    threshold: float | None = Field(None, description="probability from which a reading counts as certain")
    sha256: str = Field("", description="first 12 digits, as `model` of a result, of the file that CPUs run")
    files: list[str] = []
    configured: bool = Field(description="used where nothing else was asked for")
    wanted: bool = Field(description="what the classifiers are to use now")


@router.patch("/api/cameras/{name}", tags=["cameras"], dependencies=[NEED_ADMIN])
def change_camera(
    name: CameraPath, change: CameraChange, request: Request, store: StoreParameter
) -> dict[str, Any]:
    """Change some of a camera's settings; it is read in the new way within a second."""
    known = store.wanted_cameras().get(name)
    if known is None:
        raise HTTPException(404, f"there is no camera {name}")
    values = change.model_dump(exclude_unset=True)
    if "source" in values:
        values["source"] = kept_source(values["source"], known.settings)
    try:
        settings = camera_settings(name, {**known.settings.model_dump(), **values})
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None
    store.put_camera(name, settings, known.origin)
    shown = {**values, "source": redact_source(settings.source)} if "source" in values else values
    audit.record(request, "camera.change", name, _changes(shown))
    return shown_camera(name, settings)


def kept_source(given: str, known: CameraSettings) -> str:
    """Return the known source, with its password, where it came back as it is shown; else the given one."""
    return known.source if given == redact_source(known.source) else given


@router.get("/api/settings", tags=["settings"], dependencies=[NEED_VIEWER])
def show_settings(request: Request, store: StoreParameter) -> StackSettings:
    """What holds now: the model, how many of each worker, whether faces are blurred."""
    settings, wanted = get_settings(request), store.wanted()
    supervised = is_supervised(settings.run_dir)
    counts = worker_counts(settings.scale, wanted) if supervised else _living_counts(store)
    model, notice = wanted.model or str(configured_model(settings)), settings.dashboard.notice
    most = {name: MAX_WORKERS[service] for name, service in COUNTED.items()}
    return StackSettings(
        model=model, blur=wanted.blur, supervised=supervised, notice=notice, most=most, **counts
    )


@router.patch("/api/settings", tags=["settings"], dependencies=[NEED_ADMIN])
def change_settings(request: Request, change: StackChange, store: StoreParameter) -> StackSettings:
    """Change any of model, blur and, under `mien up`, the number of workers; no frame is lost."""
    settings, values = get_settings(request), change.model_dump(exclude_unset=True)
    if values.keys() & COUNTED.keys() and not is_supervised(settings.run_dir):
        raise HTTPException(
            409, "no `mien up` runs this stack: change the number of processes where it was started"
        )
    if model := values.get("model"):
        _check_model(Path(model), settings, store.wanted())
    store.set_wanted(**values)
    audit.record(request, "settings.change", ", ".join(values), _changes(values))
    return show_settings(request, store)


@router.get("/api/models", tags=["settings"], dependencies=[NEED_VIEWER])
def list_models(request: Request, store: StoreParameter) -> list[ModelChoice]:
    """The models to choose from: the one that ships, the configured one and those beside it."""
    settings, wanted = get_settings(request), store.wanted()
    return [_describe(path, settings, wanted) for path in known_models(settings, wanted)]


def configured_model(settings: Settings) -> Path:
    """Return the model folder that is used where nothing else was asked for."""
    return expanded(settings.classifier.model or DEFAULT_ARTEFACT).absolute()


def known_models(settings: Settings, wanted: Wanted) -> list[Path]:
    """Return the model folders that may be chosen: no path that a request names is looked at."""
    configured = configured_model(settings)
    asked = [Path(wanted.model)] if wanted.model else []
    beside = sorted(card.parent for card in configured.parent.glob("*/card.json"))
    return list(dict.fromkeys([configured, *asked, *beside, *find_artefacts(DEFAULT_ARTEFACT.parent)]))


def _check_model(path: Path, settings: Settings, wanted: Wanted) -> None:
    if path not in known_models(settings, wanted):
        raise HTTPException(422, "model: not one of GET /api/models; `mien model use` takes any folder")
    try:
        load_artefact(path)
    except ArtefactError as error:
        raise HTTPException(422, f"model: {error}") from None


def _describe(path: Path, settings: Settings, wanted: Wanted) -> ModelChoice:
    configured = configured_model(settings)
    marks = {"configured": path == configured, "wanted": path == Path(wanted.model or configured)}
    try:
        card = load_artefact(path).card
    except ArtefactError as error:
        return ModelChoice(path=str(path), name=path.name, state=str(error), **marks)
    served = card.files.get(settings.classifier.file)
    return ModelChoice(
        path=str(path),
        name=card.name,
        state="good",
        provisional=card.provisional,
        note=card.note,
        accuracy=served.metrics.accuracy if served and served.metrics else None,
        threshold=served.uncertain_threshold if served else None,
        sha256=served.sha256[:12] if served else "",
        files=list(card.files),
        **marks,
    )


def _changes(values: Mapping[str, Any]) -> str:
    """Return what was changed to what, for the audit log."""
    return " ".join(f"{name}={value}" for name, value in values.items())[:MAX_DETAIL]


def _living_counts(store: Store) -> dict[str, int]:
    services = [sign.service for sign in store.health()]
    return {name: services.count(service) for name, service in COUNTED.items()}
