"""A real Chromium, and the dashboard served for it."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from services.dashboard.__main__ import listen, page_url
from services.dashboard.app import create_app
from shared.config import DashboardSettings, Settings
from tests.fake_stack import FakeStore, SceneFeed
from tests.waiting import wait_for

DEADLINE_MS = 45_000
"""For what takes a moment on an idle machine."""
expect.set_options(timeout=DEADLINE_MS)
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]  # fmt: skip


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window, one for all tests here: each has a context of its own.

    Closed before the tests of other folders want an event loop of their own.
    """
    if CHROMIUM is None:
        pytest.skip("no chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def is_complaint(line: ConsoleMessage) -> bool:
    """Say whether a line of the console is an error of the page; a test's server ends before its page."""
    expected = ("409 (Conflict)", "422 (Unprocessable Entity)", "net::ERR_CONNECTION_REFUSED")
    return line.type == "error" and not line.text.endswith(expected)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose every error fails the test; that the API refused something (409, 422) is none."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(DEADLINE_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if is_complaint(line) else None)
    yield page
    context.close()
    assert complaints == []


@dataclass
class Served:
    """A dashboard over a store and feeds in memory."""

    url: str
    store: FakeStore
    feed: SceneFeed


@contextmanager
def serve(settings: Settings) -> Iterator[Served]:
    """Serve a dashboard with two cameras that show a moving scene, beside no stack that may run here."""
    store, feed = FakeStore("desk", "door"), SceneFeed()
    listener = listen(DashboardSettings(port=0))
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        apart = settings.model_copy(update={"run_dir": Path(folder)})
        app = create_app(store, lambda: feed, apart)  # type: ignore[arg-type]
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_for(lambda: server.started, "the page's server started")
        yield Served(page_url(listener), store, feed)
        server.should_exit = True
        thread.join(5)


@pytest.fixture
def served() -> Iterator[Served]:
    """The dashboard with two cameras that show a moving scene, and no login."""
    with serve(Settings()) as served:
        yield served
