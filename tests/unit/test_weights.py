"""Fetching YuNet's weights: checked, whole or not at all."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.errors import ArtefactError
from shared.vision import weights
from shared.vision.weights import checked_cache, fetch_weights, sha256

CONTENT = b"stands for the network" * 100


@pytest.fixture(autouse=True)
def pinned(monkeypatch):
    monkeypatch.setattr(weights, "YUNET_SHA256", sha256(CONTENT))


@contextmanager
def web_server(status=200, body=CONTENT, stated_length=None):
    """Serve one answer on a free loopback port and give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(stated_length or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/yunet.onnx"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_download_is_kept_and_found_again(tmp_path):
    target = tmp_path / "new" / "yunet.onnx"
    with web_server() as url:
        assert fetch_weights(url=url, target=target) == target
    assert target.read_bytes() == CONTENT
    assert checked_cache(target) == target
    assert [path.name for path in target.parent.iterdir()] == ["yunet.onnx"]


@pytest.mark.parametrize("body", [CONTENT[:-1], b"<html>please sign in</html>", b""])
def test_other_content_is_refused_and_nothing_written(tmp_path, body):
    target = tmp_path / "yunet.onnx"
    target.write_bytes(CONTENT)
    with web_server(body=body) as url, pytest.raises(ArtefactError, match="is not the pinned YuNet file"):
        fetch_weights(url=url, target=target)
    assert target.read_bytes() == CONTENT
    assert len(list(tmp_path.iterdir())) == 1


def test_cut_off_download_is_refused(tmp_path):
    with web_server(body=CONTENT[:50], stated_length=len(CONTENT)) as url, pytest.raises(ArtefactError):
        fetch_weights(url=url, target=tmp_path / "yunet.onnx")
    assert list(tmp_path.iterdir()) == []


def test_missing_page_names_url_and_remedy(tmp_path):
    with (
        web_server(status=404) as url,
        pytest.raises(ArtefactError, match=r"can't download http.*--from FILE"),
    ):
        fetch_weights(url=url, target=tmp_path / "yunet.onnx")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/yunet.onnx", "nonsense", "http://[/"])
def test_unreachable_names_url_and_remedy(tmp_path, url):
    with pytest.raises(ArtefactError, match=r"can't download .*--from FILE"):
        fetch_weights(url=url, target=tmp_path / "yunet.onnx")
    assert list(tmp_path.iterdir()) == []


def test_from_a_file(tmp_path):
    copy, target = tmp_path / "copy.onnx", tmp_path / "cache" / "yunet.onnx"
    copy.write_bytes(CONTENT)
    assert fetch_weights(copy, target=target).read_bytes() == CONTENT
    copy.write_bytes(CONTENT[1:])
    with pytest.raises(ArtefactError, match=r"copy\.onnx is not the pinned YuNet file"):
        fetch_weights(copy, target=target)
    with pytest.raises(
        ArtefactError, match=r"can't read .*absent: No such file.*; `--from` takes .*https://"
    ):
        fetch_weights(tmp_path / "absent", target=target)


def test_target_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(CONTENT)
    with pytest.raises(ArtefactError, match="can't write into"):
        fetch_weights(copy, target=tmp_path / "file" / "yunet.onnx")


def test_damaged_cache_does_not_count(tmp_path):
    file = tmp_path / "yunet.onnx"
    assert checked_cache(file) is None
    file.write_bytes(CONTENT[1:])
    assert checked_cache(file) is None
