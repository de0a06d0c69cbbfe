"""`/api/webhooks`: which messages go where and when; URL and secret go in and never come out."""

import time
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.config import JsonDict

from services.dashboard import audit
from services.dashboard.access import NEED_ADMIN
from services.dashboard.api import StoreParameter, get_settings
from services.dashboard.deliveries import Outcome
from services.dashboard.openapi import errors, first_problem
from services.dashboard.sender import Head, send
from services.dashboard.watching import trial_of
from shared.config import CameraKey, WebhookSettings
from shared.messages import CAMERA_PATTERN
from shared.records import WantedWebhook
from shared.store import Store

MAX_WEBHOOKS: Final = 32
DROPPED: Final = ("full", Outcome.EXPIRED.value, Outcome.REFUSED.value)
_NONE_SUCH: Final = errors({404: "There is no such webhook"})

router = APIRouter(tags=["webhooks"], dependencies=[NEED_ADMIN])
WebhookPath = Annotated[str, Path(pattern=CAMERA_PATTERN, description="the webhook's name")]

EXAMPLE: Final[JsonDict] = {
    "name": "angry-at-door",
    "url": "http://10.0.0.9:8123/api/webhook/mien",
    "secret": "a long random text",
    "when": "emotion",
    "emotion": "angry",
    "above": 0.5,
    "lasts": "10s",
    "cameras": ["door"],
    "zone": "entrance",
}


class NewWebhook(WebhookSettings):
    """A webhook to add: its name, where it goes, and when."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: CameraKey = Field(description="lower-case letters, digits, - and _")


class WebhookChange(BaseModel):
    """Any of a webhook's settings; what is left out, or a URL as it is shown, stays as it is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "additionalProperties": False,
            "properties": WebhookSettings.model_json_schema()["properties"],
            "examples": [{"paused": True}],
        },
    )


class ShownWebhook(BaseModel):
    """A webhook without its secrets, and what came of its messages."""

    name: str
    url: str = Field(description="scheme, host and port; the rest may be secret")
    signed: bool = Field(description="whether it has a secret")
    when: str
    emotion: str | None
    above: float | None
    lasts: float = Field(description="seconds")
    cameras: list[str] = Field(description="empty: all")
    zone: str | None
    quiet: float = Field(description="seconds")
    ends: bool
    paused: bool
    origin: str = Field(description="`config`: of the settings file, set anew at each start; or `user`")
    waiting: int = Field(description="messages not sent yet, at most 100")
    delivered: int
    dropped: dict[str, int] = Field(description="by `full`, `expired`, `refused`")
    last_at_ns: int | None = Field(description="of the last attempt, ns since 1970")
    last_result: str | None = Field(description="status of its answer, or why there was none")


class WebhookTrial(BaseModel):
    """What came of a test message."""

    delivered: bool
    result: str = Field(description="status of the answer, or why there is none")
    seconds: float


def shown_url(url: SecretStr) -> str:
    """Return what of a URL is no secret: scheme, host and port."""
    parts = urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"


def shown(store: Store, name: str, wanted: WantedWebhook) -> ShownWebhook:
    """Return a webhook as it may be shown."""
    settings, figures = wanted.settings, store.webhooks.figures(name)
    return ShownWebhook(
        name=name,
        url=shown_url(settings.url),
        signed=settings.secret is not None,
        origin=wanted.origin,
        waiting=figures["waiting"],
        delivered=figures.get(Outcome.DELIVERED, 0),
        dropped={what: figures[what] for what in DROPPED if what in figures},
        last_at_ns=figures.get("at_ns"),
        last_result=figures.get("result"),
        **settings.model_dump(exclude={"url", "secret"}, mode="json"),
    )


def find(store: Store, name: str) -> WantedWebhook:
    """Return a webhook, or answer 404."""
    wanted = store.webhooks.wanted().get(name)
    if wanted is None:
        raise HTTPException(404, f"there is no webhook {name}")
    return wanted


@router.get("/api/webhooks", summary="The webhooks")
def list_webhooks(store: StoreParameter) -> list[ShownWebhook]:
    """Every webhook, what waits for it, and what came of its messages."""
    return [shown(store, name, wanted) for name, wanted in store.webhooks.wanted().items()]


@router.post(
    "/api/webhooks",
    summary="Add a webhook",
    status_code=201,
    responses=errors({409: "There is one of this name already, or there are 32"}),
)
def add_webhook(webhook: NewWebhook, request: Request, store: StoreParameter) -> ShownWebhook:
    """Have a message POSTed when a condition begins and when it is over; it is watched within a second."""
    known = store.webhooks.wanted()
    if webhook.name in known:
        raise HTTPException(409, f"webhook {webhook.name} is there already; change or remove it")
    if len(known) >= MAX_WEBHOOKS:
        raise HTTPException(409, f"there are {MAX_WEBHOOKS} webhooks already; remove one first")
    settings = WebhookSettings(**webhook.model_dump(exclude={"name"}))
    store.webhooks.put(webhook.name, settings)
    audit.record(request, "webhook.add", webhook.name, shown_url(settings.url))
    return shown(store, webhook.name, find(store, webhook.name))


@router.patch("/api/webhooks/{name}", summary="Change a webhook", responses=_NONE_SUCH)
def change_webhook(
    name: WebhookPath, change: WebhookChange, request: Request, store: StoreParameter
) -> ShownWebhook:
    """Change some of its settings; what waits is sent by the new ones."""
    known = find(store, name)
    values: dict[str, Any] = change.model_extra or {}
    if values.get("url") == shown_url(known.settings.url):
        values = {field: value for field, value in values.items() if field != "url"}
    try:
        settings = WebhookSettings(**{**known.settings.model_dump(), **values})
    except ValidationError as error:
        raise HTTPException(422, first_problem(error.errors())) from None
    store.webhooks.put(name, settings, known.origin)
    audit.record(request, "webhook.change", name, ", ".join(sorted(values)))
    return shown(store, name, find(store, name))


@router.delete(
    "/api/webhooks/{name}",
    summary="Remove a webhook",
    status_code=204,
    responses=_NONE_SUCH,
)
def remove_webhook(name: WebhookPath, request: Request, store: StoreParameter) -> None:
    """Remove it, with the messages that wait for it."""
    if not store.webhooks.remove(name):
        raise HTTPException(404, f"there is no webhook {name}")
    audit.record(request, "webhook.remove", name)


@router.post(
    "/api/webhooks/{name}/test",
    summary="Try a webhook",
    responses=_NONE_SUCH,
)
def try_webhook(name: WebhookPath, request: Request, store: StoreParameter) -> WebhookTrial:
    """Send it a message with the event `test` now, once, past its queue, and say what came of it."""
    wanted = find(store, name)
    began = time.monotonic()
    now_ns = time.time_ns()
    message = trial_of(name, wanted.settings, now_ns)
    head = msgspec.json.decode(message, type=Head)
    attempt = send(wanted.settings, message, head, get_settings(request).dashboard.webhook_targets)
    audit.record(request, "webhook.test", name, attempt.result)
    return WebhookTrial(
        delivered=attempt.outcome is Outcome.DELIVERED,
        result=attempt.result,
        seconds=round(time.monotonic() - began, 3),
    )
