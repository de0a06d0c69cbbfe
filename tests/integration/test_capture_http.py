"""HTTP cameras as they come: with and without lengths and passwords, odd boundaries, and no camera at all."""

import hashlib
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest

from services.capture.sources import open_source
from shared.config import CameraSettings, CaptureSettings
from shared.errors import SourceError
from tests.videos import make_video, number_of, numbered_picture

JPEGS = [cv2.imencode(".jpg", numbered_picture(number))[1].tobytes() for number in range(3)]


@contextmanager
def server(answer):
    """Serve each GET by `answer(handler)`; give `host:port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def give(handler, kind, body=b"", status=200, **headers):
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def parts(boundary, lengths=True, jpegs=JPEGS):
    body = b""
    for jpeg in jpegs:
        length = f"Content-Length: {len(jpeg)}\r\n" if lengths else ""
        body += f"--{boundary}\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + jpeg + b"\r\n"
    return body


def opened(url):
    return open_source(CameraSettings(source=url), CaptureSettings(read_timeout=2))


def numbers(url):
    """Read the stream to its end, which is always an error, and return the pictures' numbers and it."""
    source, found = opened(url), []
    try:
        while source.grab():
            picture = source.retrieve()
            found.append(None if picture is None else number_of(picture))
    except SourceError as error:
        return found, str(error)
    finally:
        source.close()


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(("named", "used"), [("b", "b"), ("--b", "b"), ('"my boundary"', "my boundary")])
def test_parts_with_and_without_length_and_with_any_boundary(lengths, named, used):
    kind = f"multipart/x-mixed-replace; boundary={named}"
    with server(lambda handler: give(handler, kind, parts(used, lengths))) as host:
        assert numbers(f"http://{host}/video")[0] == [0, 1, 2]


def test_a_damaged_picture_is_left_out():
    body = parts("b", jpegs=[JPEGS[0], b"no jpeg", JPEGS[2]])
    with server(lambda handler: give(handler, "multipart/x-mixed-replace; boundary=b", body)) as host:
        assert numbers(f"http://{host}/")[0] == [0, None, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nContent-Length: many\r\n\r\n",
        b"--b\r\nContent-Length: -5\r\n\r\n",
        b"--b\r\nContent-Length: 99999999999\r\n\r\n",
        b"--b\r\n" + b"X: y\r\n" * 200,
        b"x" * 200_000,
        b"",
    ],
)
def test_a_stream_that_is_none_is_given_up(body):
    with server(lambda handler: give(handler, "multipart/x-mixed-replace; boundary=b", body)) as host:
        found, reason = numbers(f"http://{host}/")
    assert found == []
    assert "the stream has ended" in reason


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("image/jpeg", 200, "gives image/jpeg, no video; use the camera's MJPEG or RTSP address"),
        ("text/html", 200, "gives text/html, no video"),
        ("text/html", 404, "no such stream; correct the path"),
        ("text/html", 403, "refuses user and password"),
        ("text/html", 503, "answers with HTTP status 503"),
    ],
)
def test_what_is_no_camera_is_named(kind, status, message):
    camera = server(lambda handler: give(handler, kind, b"x", status))
    with camera as host, pytest.raises(SourceError, match=message) as caught:
        opened(f"http://user:secret@{host}/video")
    assert str(caught.value).startswith(f"http://{host}/video: ")


def test_other_video_over_http_is_read_too(tmp_path):
    data = make_video(tmp_path / "film.avi", frames=10).read_bytes()
    with server(lambda handler: give(handler, "video/x-msvideo", data, Content_Length=len(data))) as host:
        source = opened(f"http://{host}/film.avi")
        assert source.grab()
        assert source.retrieve().shape == (64, 96, 3)
        source.close()


def basic(handler):
    if handler.headers.get("Authorization") == "Basic dXNlcjpwQHNz":  # user:p@ss
        give(handler, "multipart/x-mixed-replace; boundary=b", parts("b"))
    else:
        give(handler, "text/plain", b"no", 401, WWW_Authenticate='Basic realm="camera"')


def digest(handler):
    """RFC 2617 without qop, as simple cameras do it."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', handler.headers.get("Authorization", "")))
    ours = [hashlib.md5(text.encode()).hexdigest() for text in ("user:camera:p@ss", f"GET:{handler.path}")]
    if given.get("response") == hashlib.md5(f"{ours[0]}:once:{ours[1]}".encode()).hexdigest():
        give(handler, "multipart/x-mixed-replace; boundary=b", parts("b"))
    else:
        give(handler, "text/plain", b"no", 401, WWW_Authenticate='Digest realm="camera", nonce="once"')


@pytest.mark.parametrize("scheme", [basic, digest])
def test_passwords_are_given_as_the_camera_asks(scheme):
    with server(scheme) as host:
        assert numbers(f"http://user:p%40ss@{host}/video?channel=1")[0] == [0, 1, 2]
        for wrong in ("", "user:wrong@"):
            with pytest.raises(SourceError, match="refuses user and password"):
                opened(f"http://{wrong}{host}/video?channel=1")
