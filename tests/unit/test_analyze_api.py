"""`POST /api/analyze`: what comes back, what is refused, and that the page goes on meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from services.dashboard.analyze import MAX_PIXELS, MAX_REQUESTS, PictureReader
from services.dashboard.app import create_app
from services.dashboard.uploads import MAX_PICTURES, MAX_UPLOAD_BYTES
from shared.config import Settings
from shared.errors import ArtefactError
from shared.vision.analysis import Analyzed
from shared.vision.analysis_records import Analysis
from tests.fake_stack import FakeStore, SceneFeed
from tests.waiting import wait_for


class Measure:
    """Stands for the analyzer: gives sizes, and waits while it is held up."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Semaphore(0)

    def analyze_picture(self, picture, source):
        self.begun.release()
        assert self.go.wait(20)
        return Analyzed(picture, Analysis(source=source, width=picture.shape[1], height=picture.shape[0]))


@pytest.fixture
def measure() -> Measure:
    return Measure()


@pytest.fixture
def client(measure: Measure) -> Iterator[TestClient]:
    app = create_app(FakeStore("desk"), SceneFeed, Settings())  # type: ignore[arg-type]
    app.state.pictures = PictureReader(lambda: measure)  # type: ignore[arg-type,return-value]
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def picture(width: int, height: int = 20, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, np.zeros((height, width, 3), np.uint8))[1].tobytes()


def form(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("pictures", file) for file in files]


def test_a_form_of_pictures_is_analyzed_in_its_order(client: TestClient) -> None:
    names = [(f"{width}.png", picture(width)) for width in (30, 50, 40)]
    answer = client.post("/api/analyze", files=form(*names))
    assert answer.status_code == 200
    found = answer.json()["pictures"]
    assert [(each["source"], each["width"]) for each in found] == [
        ("30.png", 30),
        ("50.png", 50),
        ("40.png", 40),
    ]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_one_picture_may_be_the_body(client: TestClient, suffix: str) -> None:
    answer = client.post("/api/analyze", content=picture(30, suffix=suffix))
    assert answer.json()["pictures"][0]["width"] == 30


def test_of_several_a_bad_picture_is_named_and_the_others_are_analyzed(client: TestClient) -> None:
    cut_off = picture(300, 300, ".jpg")[:150]
    answer = client.post(
        "/api/analyze",
        files=form(("no.png", b"text"), ("30.png", picture(30)), ("cut.jpg", cut_off), ("0", b"")),
    )
    assert answer.status_code == 200
    found = answer.json()["pictures"]
    assert [bool(each["error"]) for each in found] == [True, False, True, True]
    for each, name in zip(found, ("no.png", "30.png", "cut.jpg", "0"), strict=True):
        assert not each["error"] or each["error"].startswith(name)


def test_a_body_that_is_no_picture_is_refused(client: TestClient) -> None:
    for body in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"):
        answer = client.post("/api/analyze", content=body)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("the picture")


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(client: TestClient) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    header = picture(30)
    large = header[:16] + side.to_bytes(4, "big") * 2 + header[24:]
    answer = client.post("/api/analyze", content=large)
    assert answer.status_code == 422
    assert f"{side}x{side}" in answer.json()["detail"]


def test_forms_without_or_with_too_many_files_are_refused(client: TestClient) -> None:
    many = [(f"{number}.png", picture(30)) for number in range(MAX_PICTURES + 1)]
    assert client.post("/api/analyze", files=form(*many)).status_code == 413
    assert client.post("/api/analyze", files=form(*many[1:])).status_code == 200
    headers = {"content-type": "multipart/form-data"}
    assert client.post("/api/analyze", content=b"x", headers=headers).status_code == 400
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/api/analyze", content=b"--x", headers=headers).status_code == 400
    assert client.post("/api/analyze", content=b"--b--\r\n", headers=headers).status_code == 400
    assert client.post("/api/analyze", content=bytes(MAX_UPLOAD_BYTES + 1)).status_code == 413


def test_only_so_many_at_once_and_the_page_goes_on(client: TestClient, measure: Measure) -> None:
    measure.go.clear()
    with ThreadPoolExecutor(MAX_REQUESTS) as threads:
        sent = [threads.submit(client.post, "/api/analyze", content=picture(30)) for _ in range(MAX_REQUESTS)]
        assert measure.begun.acquire(timeout=20)
        reader = client.app.state.pictures  # type: ignore[attr-defined]
        wait_for(lambda: reader._requests == MAX_REQUESTS, "all places being taken")
        refused = client.post("/api/analyze", content=picture(30))
        assert client.get("/healthz").status_code == 200
        measure.go.set()
        assert [answer.result(20).status_code for answer in sent] == [200] * MAX_REQUESTS
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert client.post("/api/analyze", content=picture(30)).status_code == 200


def test_a_model_that_cannot_be_loaded_is_said(client: TestClient) -> None:
    def fail() -> None:
        raise ArtefactError("model x lacks its card")

    client.app.state.pictures = PictureReader(fail)  # type: ignore[attr-defined,arg-type]
    answer = client.post("/api/analyze", content=picture(30))
    assert (answer.status_code, answer.json()) == (503, {"detail": "model x lacks its card"})


def test_openapi_describes_pictures_and_answer(client: TestClient) -> None:
    route = client.get("/api/openapi.json").json()["paths"]["/api/analyze"]["post"]
    assert "multipart/form-data" in route["requestBody"]["content"]
    schema = route["responses"]["200"]["content"]["application/json"]["schema"]
    face = schema["properties"]["pictures"]["items"]["properties"]["faces"]["items"]["properties"]
    assert set(face) == {"box", "score", "landmarks", "emotion", "certain", "probabilities"}
