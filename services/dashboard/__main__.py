"""Wiring of the dashboard's process: settings, address, store, feeds, health, and the web server."""

import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn

from services.dashboard.app import create_app
from services.dashboard.camera_socket import MAX_PICTURE_BYTES
from services.dashboard.sender import WebhookSender
from shared import metrics, topology
from shared.beats import Beats
from shared.bus import FeedReader
from shared.config import DashboardSettings, Settings
from shared.errors import ConfigError, MienError
from shared.service import start_process
from shared.store import Store
from shared.tokens import check_exposure, read_tokens

SEND_BUFFER_BYTES = 256 * 1024
"""Of each connection: what lies there can't be overtaken by newer pictures."""
MAX_CONNECTIONS = 1000
"""Open at once, browsers' WebSockets among them; further ones are answered 503."""
STOP_SECONDS = 2


class _Server(uvicorn.Server):
    """Leaves SIGINT alone where it is ignored: under a supervisor, that one says when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.handle_exit)
        yield


def listen(settings: DashboardSettings) -> socket.socket:
    """Return the listening socket.

    Raises:
        ConfigError: the port is taken or the address is not this host's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen()  # who comes before the server is up waits, and is not refused
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"dashboard.port: can't listen on {settings.host}:{settings.port}: {error.strerror}; "
            "choose another, or 0 for a free one (MIEN_DASHBOARD__PORT)"
        ) from None
    return listener


def page_url(listener: socket.socket) -> str:
    """Return where a person on this host finds the page."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "localhost"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


def run(instance: str, settings: Settings) -> None:
    """Serve until SIGTERM."""
    check_exposure(settings.dashboard, read_tokens(settings.dashboard))
    listener = listen(settings.dashboard)
    url = page_url(listener)
    store = Store(settings.redis, settings.run_dir)

    def wall_ns() -> int:
        return time.time_ns() + beats.offset_ns

    app = create_app(store, lambda: FeedReader(settings.bus), settings, wall_ns, instance)
    port = metrics.start_server(settings.metrics, topology.DASHBOARD.metrics_port)

    def health() -> tuple[str, Mapping[str, Any]]:
        viewers = len(app.state.hub.viewers) if hasattr(app.state, "hub") else 0
        return "working", {"url": url, "viewers": viewers, **app.state.glass.facts()}

    beats = Beats(settings, topology.DASHBOARD.name, instance, store, health=health, metrics_port=port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=2 * MAX_PICTURE_BYTES,  # what is over the limit itself is refused with a reason
        ws_max_queue=2,
        proxy_headers=bool(settings.dashboard.proxies),
        forwarded_allow_ips=list(settings.dashboard.proxies),
        limit_concurrency=MAX_CONNECTIONS,
        ws_per_message_deflate=False,  # JPEGs do not get smaller
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what a client sends is its own affair
    logging.getLogger(__name__).info("the page is at %s", url)
    webhooks = WebhookSender(store, settings, instance, wall_ns)
    beats.start()
    webhooks.start()
    _Server(config).run(sockets=[listener])
    webhooks.stop()
    beats.stop()


def main() -> None:
    """Run the process; a user's mistake ends it with one line."""
    instance, settings = start_process(topology.DASHBOARD.name)
    try:
        run(instance, settings)
    except MienError as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
