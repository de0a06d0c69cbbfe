"""Motion JPEG over HTTP, read without OpenCV: it knows why a server refuses, and follows changes of size."""

import re
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np

from services.capture.frozen import FrozenWatch
from services.capture.picture import Fit, Picture
from shared.config import CaptureSettings
from shared.errors import SourceError

MULTIPART: Final = "multipart/x-mixed-replace"
_MAX_LINE_BYTES: Final = 65_536
_MAX_JPEG_BYTES: Final = 64 * 1024 * 1024
_MAX_HEADER_LINES: Final = 100
_SOONER_SECONDS: Final = 1.0
"""Before the parent's patience ends: this process then says END itself and is not killed."""


class JpegStream:
    """A server's endless answer of JPEG pictures, one part each (multipart/x-mixed-replace).

    Args:
        answer: positioned at the beginning of the body.
        shown: how the camera is called in errors, without secrets.
        live: time does not wait.
        fit: turns and shrinks.
        frozen_after_seconds: as in the settings.
    """

    paced = False
    note = ""
    media_seconds: float | None = None
    timeline_seconds = 0.0
    interval_seconds = 0.0

    def __init__(
        self, answer: HTTPResponse, shown: str, live: bool, fit: Fit, frozen_after_seconds: float
    ) -> None:
        self.live = live
        self._answer, self._shown, self._fit = answer, shown, fit
        self._boundary = _boundary(answer.headers.get("Content-Type", ""))
        self._watch = FrozenWatch(frozen_after_seconds, shown)
        self._jpeg = b""

    def grab(self) -> bool:
        """Read the next part.

        Raises:
            SourceError: the stream has ended, stalls, or is not what it claims to be.
        """
        try:
            self._jpeg = self._next_part()
        except TimeoutError:
            raise SourceError(f"{self._shown}: no frame in time; it will be opened again") from None
        except (OSError, HTTPException, ValueError) as error:
            raise SourceError(
                f"{self._shown}: the stream has ended ({error}); it will be opened again"
            ) from None
        return True

    def retrieve(self) -> Picture | None:
        """Decode the part; None if it is damaged.

        Raises:
            SourceError: the picture has not changed for too long.
        """
        data = np.frombuffer(self._jpeg, np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if decoded is None:
            return None
        picture = np.asarray(decoded, np.uint8)
        self._watch.check(picture, time.monotonic())
        return self._fit(picture)

    def close(self) -> None:
        """Hang up."""
        self._answer.close()

    def _next_part(self) -> bytes:
        while not self._line().startswith(self._boundary):
            pass
        length = 0
        for _ in range(_MAX_HEADER_LINES):
            name, _, value = self._line().strip().partition(b":")
            if not name:
                return self._exactly(length) if length else self._up_to_boundary()
            if name.lower() == b"content-length":
                length = int(value)
        raise ValueError("a part without end of its header")

    def _line(self) -> bytes:
        line = self._answer.readline(_MAX_LINE_BYTES)
        if not line:
            raise ValueError("closed by the camera")
        return line

    def _exactly(self, length: int) -> bytes:
        if not 0 < length <= _MAX_JPEG_BYTES:
            raise ValueError(f"a part of {length} bytes")
        data = self._answer.read(length)
        if len(data) < length:
            raise ValueError("closed by the camera")
        return data

    def _up_to_boundary(self) -> bytes:
        """Read a part of unknown length: it goes up to JPEG's own mark of its end, before a new line."""
        data = bytearray()
        while not data.endswith((b"\xff\xd9\r\n", b"\xff\xd9\n")):
            data += self._line()
            if len(data) > _MAX_JPEG_BYTES:
                raise ValueError("a part without end")
        return bytes(data)


def open_http(url: str, shown: str, live: bool, fit: Fit, settings: CaptureSettings) -> JpegStream | None:
    """Open a motion JPEG stream; None if the address gives another kind of video.

    Raises:
        SourceError: the server refuses, or gives single pictures.
    """
    patience = min(settings.connect_timeout, settings.read_timeout)
    answer = _request(url, shown, max(patience / 2, patience - _SOONER_SECONDS))
    kind = answer.headers.get_content_type()
    if kind == MULTIPART:
        return JpegStream(answer, shown, live, fit, settings.frozen_after)
    answer.close()
    if kind.startswith(("image/", "text/")):
        raise SourceError(f"{shown}: gives {kind}, no video; use the camera's MJPEG or RTSP address")
    return None


def _request(url: str, shown: str, timeout_seconds: float) -> HTTPResponse:
    try:
        answer: HTTPResponse = _opener(url).open(_without_user(url), timeout=timeout_seconds)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"{shown}: {_remedy(error.code)}") from None
    except (urllib.error.URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLCertVerificationError):
            reason = "its certificate is not trusted; name it in SSL_CERT_FILE"
        raise SourceError(f"{shown}: can't be opened ({reason or 'no answer'})") from None
    return answer


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that knows the URL's user (Basic or Digest) and goes to the camera without a proxy."""
    parts = urlsplit(url)
    users = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        users.add_password(None, place, unquote(parts.username), unquote(parts.password or ""))
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        _Basic(users),
        _Digest(users),
    )


class _Basic(urllib.request.HTTPBasicAuthHandler):
    def http_error_401(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        """Answer a Basic challenge; leave all others to their own handlers, as urllib's does not."""
        if not headers.get("WWW-Authenticate", "").lower().startswith("basic"):
            return None
        return _closing(fp, super().http_error_401(req, fp, code, msg, headers))


class _Digest(urllib.request.HTTPDigestAuthHandler):
    def http_error_401(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        """Answer a Digest challenge."""
        return _closing(fp, super().http_error_401(req, fp, code, msg, headers))


def _closing(refusal: HTTPResponse, answer: HTTPResponse | None) -> HTTPResponse | None:
    """Close the refused connection if there is a better one; a camera may have few."""
    if answer is not None:
        refusal.close()
    return answer


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "it refuses user and password; correct them in the source"
    if status == 404:
        return "it has no such stream; correct the path in the source"
    return f"it answers with HTTP status {status}; does the address work in a browser?"


def _boundary(content_type: str) -> bytes:
    """Return what each part's first line begins with; some servers write the dashes into the name already."""
    match = re.search(r"boundary=\"?([^\";]+)", content_type)
    return b"--" + (match[1].strip().lstrip("-").encode() if match else b"")
