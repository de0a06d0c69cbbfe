"""The FastAPI application: page, API and WebSocket over a store and a source of feeds."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from services.dashboard import (
    analyze,
    api,
    audit,
    camera_socket,
    control,
    export,
    login,
    openapi,
    snapshot,
    system,
    timeline,
    trial,
    webhooks,
)
from services.dashboard.access import Access
from services.dashboard.feeds import FeedSource, Hub
from services.dashboard.finished import FinishedBuckets
from services.dashboard.gate import Gate
from services.dashboard.glass import GlassMeter
from services.dashboard.live import Announcer, serve_viewer
from services.dashboard.logins import Logins
from services.dashboard.rates import Rates
from services.dashboard.security import Guard
from services.dashboard.uploads import MAX_UPLOAD_BYTES
from shared.config import Settings
from shared.errors import StoreError
from shared.store import Store
from shared.tokens import read_tokens

logger = logging.getLogger(__name__)

STATIC: Final = Path(__file__).parent / "static"
SWAGGER: Final = str(files("fastapi_swagger") / "resources")
PARTS: Final = (
    login,
    audit,
    api,
    timeline,
    export,
    control,
    trial,
    camera_socket,
    analyze,
    snapshot,
    system,
    webhooks,
)
"""Of the API, in the order of its document."""
BODY_LIMITS: Final = {"/api/analyze": MAX_UPLOAD_BYTES}


def create_app(
    store: Store,
    source: Callable[[], FeedSource],
    settings: Settings,
    wall_ns: Callable[[], int] = time.time_ns,
    instance: str = "dashboard",
) -> FastAPI:
    """Return the application.

    Args:
        store: where status and results are read and wanted cameras written.
        source: makes the broker's feeds; called inside the event loop.
        settings: the tree.
        wall_ns: the broker's wall clock, with which frames are stamped.
        instance: this process's name.

    Raises:
        ConfigError: the tokens can't be used.
    """
    glass = GlassMeter(wall_ns)
    app = _Documented(
        title="Mien",
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=_live_feeds(store, source, settings, glass),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.store, app.state.settings, app.state.glass = store, settings, glass
    app.state.wall_ns = wall_ns
    app.state.senders = camera_socket.Senders(store, settings, instance)
    app.state.system = system.SystemReader(store, settings.metrics.objective)
    app.state.finished = FinishedBuckets(store, lambda: wall_ns() / 1e9)
    app.state.pictures = analyze.PictureReader(analyze.analyzer_of(store, settings))
    logins = Logins(store.logins, settings.dashboard.session)
    app.state.access = Access(read_tokens(settings.dashboard), settings.dashboard.session, logins)
    for part in PARTS:
        app.include_router(part.router)
    app.add_api_route("/", _page, include_in_schema=False)
    app.add_api_websocket_route("/ws", _live)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    app.mount("/static/swagger", _FreshFiles(directory=SWAGGER))
    app.mount("/static", _FreshFiles(directory=STATIC))
    app.add_exception_handler(StoreError, _store_away)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Gate, access=app.state.access, rates=Rates(settings.dashboard.rate))
    app.add_middleware(Guard, hosts=settings.dashboard.hosts, body_limits=BODY_LIMITS)
    return app


def _live_feeds(
    store: Store, source: Callable[[], FeedSource], settings: Settings, glass: GlassMeter
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what runs beside the app: the hub of feeds, the announcer of the status, who has logged out."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        hub = app.state.hub = Hub(source())
        announcer = app.state.announcer = Announcer(
            lambda: api.whole_status(store, settings), hub, settings.metrics.objective, glass
        )
        endless = [hub.run(), announcer.run()]
        if app.state.access.login_needed:
            await app.state.access.logins.follow()  # nobody comes in before it is known who has logged out
            endless.append(app.state.access.logins.run())
        tasks = [asyncio.create_task(each) for each in endless]
        for task in tasks:
            task.add_done_callback(_end_with)
        yield
        app.state.pictures.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return lifespan


class _Documented(FastAPI):
    """Says in its OpenAPI document also what holds for every route."""

    def openapi(self) -> dict[str, Any]:
        return self.openapi_schema or openapi.complete(super().openapi())


class _FreshFiles(StaticFiles):
    """Static files that a browser asks for again each time (cheap: unchanged ones are answered 304)."""

    def file_response(self, *arguments: object, **named: object) -> Response:
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        return response


def _end_with(task: "asyncio.Task[None]") -> None:
    """End the process if a task that runs for ever failed: half a dashboard would look like a whole one."""
    if not task.cancelled():
        logger.critical("the dashboard can't go on", exc_info=task.exception())
        os._exit(1)


async def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _docs() -> FileResponse:
    return FileResponse(STATIC / "docs.html", headers={"cache-control": "no-cache"})


async def _live(socket: WebSocket) -> None:
    state = socket.app.state
    await serve_viewer(socket, state.hub, state.announcer, state.access.logins)


async def _store_away(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": openapi.first_problem(error.errors())}, 422)
