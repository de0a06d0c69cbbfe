"""Cameras on loopback for tests: a real RTSP server, and an HTTP server of motion JPEG that can misbehave."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
_HAS_GI = 'import gi; gi.require_version("GstRtspServer", "1.0")'
_BOUNDARY = "frame"


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def rtsp_server(port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the GStreamer server; skip the test where the system's Python lacks gi."""
    if subprocess.run([SYSTEM_PYTHON, "-c", _HAS_GI], capture_output=True, check=False).returncode:
        pytest.skip("no GStreamer RTSP server for /usr/bin/python3 (see tests/apt.txt)")
    script = str(Path(__file__).parent / "rtsp_server.py")
    command = [SYSTEM_PYTHON, script, str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield server
    finally:
        server.kill()
        server.communicate()


class JpegServer:
    """Serves `http://127.0.0.1:PORT/` as multipart/x-mixed-replace.

    Attributes:
        size: width and height of the pictures; may change while it runs.
        hangs: nothing is sent while this is set, and connections stay open.
        repeats: the same picture again and again.
        connections: how many were made.
    """

    def __init__(self, fps: float = 15.0) -> None:
        self.size = (320, 240)
        self.repeats = False
        self.hangs = threading.Event()
        self.connections = 0
        self._interval_seconds = 1 / fps
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all connections and stop to listen."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request until either side goes."""
        self.connections += 1
        handler.send_response(200)
        handler.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={_BOUNDARY}")
        handler.end_headers()
        number = 0
        while not self._closed.wait(self._interval_seconds):
            if self.hangs.is_set():
                continue
            number += not self.repeats
            jpeg = self._jpeg(number)
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            handler.wfile.write(head.encode() + jpeg + b"\r\n")

    def _jpeg(self, number: int) -> bytes:
        width, height = self.size
        picture = np.full((height, width, 3), number * 7 % 256, np.uint8)
        return cv2.imencode(".jpg", picture)[1].tobytes()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    outer.send_pictures(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def jpeg_server(fps: float = 15.0) -> Iterator[JpegServer]:
    """Run a motion-JPEG server."""
    server = JpegServer(fps)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def mute_server() -> Iterator[int]:
    """Listen on a port, accept by the system's backlog, and never say a word; give the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield int(server.getsockname()[1])


def hold(seconds: float, condition: object) -> bool:
    """Say whether the condition (a callable) stays true for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not condition():  # type: ignore[operator]
            return False
        time.sleep(0.05)
    return True
