"""Schemathesis sends what the OpenAPI document allows, and what it does not: the server never fails."""

import contextlib
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from services.dashboard.analyze import PictureReader
from services.dashboard.app import create_app
from shared.config import CameraSettings, DashboardSettings, Settings
from shared.store import Store
from shared.vision.analysis_records import Analysis
from tests.fake_stack import SceneFeed

URL = "http://localhost:8080"
EXAMPLES = 8
"""Requests per operation and mode."""
OPERATIONS_SECONDS = 2.0
"""After which an operation gets no further requests: a busy machine tries fewer."""
NO_PICTURE = 504
"""Of a snapshot: the camera gives none."""
REACHING_OUT = {"POST /api/cameras/test", "POST /api/webhooks/{name}/test"}
"""They open what they are told to: a test of their own says what."""


class NoFaces:
    """Stands for the analyzer, which takes seconds to load."""

    def analyze_picture(self, picture: Any, name: str) -> SimpleNamespace:
        return SimpleNamespace(analysis=Analysis(source=name))


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """The dashboard over a real store, with one camera; pictures are read, and hold no faces."""
    store.put_camera("desk", CameraSettings(source="desk.mp4"))
    given = Settings(dashboard=DashboardSettings(rate=10_000))
    app = create_app(store, SceneFeed, given)
    app.state.pictures = PictureReader(lambda: NoFaces())  # type: ignore[arg-type,return-value]
    with TestClient(app, base_url=URL) as client:
        yield client


def deliver(client: TestClient, case: Case) -> Any:
    """Send a request as schemathesis' own client would put it into bytes."""
    ready = requests.Request(**case.as_transport_kwargs(base_url=URL)).prepare()
    headers = [(name, value) for name, value in ready.headers.items() if name.lower() != "content-length"]
    return client.request(str(ready.method), str(ready.url), content=ready.body or b"", headers=headers)


def send_all(client: TestClient, operation: Any, mode: GenerationMode) -> list[str]:
    """Send generated requests; return what went wrong, a line each."""
    wrong: list[str] = []
    until = time.monotonic() + OPERATIONS_SECONDS

    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case: Case) -> None:
        if time.monotonic() > until:
            return
        try:
            answer = deliver(client, case)
        except httpx2.InvalidURL:  # longer than a client sends, or a server reads
            return
        except Exception as error:  # of the server: the client passes it on
            wrong.append(f"{error!r} {case.as_curl_command()}")
            return
        if answer.status_code >= 500 and answer.status_code != NO_PICTURE:
            wrong.append(f"{answer.status_code} {case.as_curl_command()}: {answer.text[:200]}")

    with contextlib.suppress(Unsatisfiable):  # there is nothing to send wrongly
        send()
    return wrong


def test_no_request_makes_the_server_fail(client: TestClient) -> None:
    schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    labels = [operation.label for operation in operations]
    assert set(labels) > REACHING_OUT
    wrong = [
        line
        for operation in operations
        if operation.label not in REACHING_OUT
        for mode in GenerationMode
        for line in send_all(client, operation, mode)
    ]
    assert wrong == []
