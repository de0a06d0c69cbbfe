"""A source is tried in a process of its own: what it shows, why it does not, and that it ends in time."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from fastapi.testclient import TestClient

from services.capture.examination import examine, shown_picture
from services.dashboard import trial
from services.dashboard.app import create_app
from shared.config import CameraSettings, Settings
from shared.vision.faces import FoundFace
from tests.fake_stack import FakeStore, SceneFeed, process
from tests.media import astronaut, packaged

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def face(x: float, width: float) -> FoundFace:
    return FoundFace((x, 20.0, width, width), 0.9, (0.0,) * 10)


def grey(level: int = 128) -> np.ndarray:
    return np.full((240, 320, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("faces", "level", "fps", "words"),
    [
        ([], 128, 15, ["no face found"]),
        ([face(200, 28)], 128, 15, ["faces 28 px; 48 needed"]),
        ([face(200, 60)], 128, 15, []),
        ([face(200, 60), face(250, 20)], 128, 15, ["1 of 2 faces left out"]),
        ([face(20, 60)], 128, 15, ["all 1 faces are masked"]),
        ([face(200, 60)], 20, 2, ["2 frames/s", "dark"]),
    ],
)
def test_advice_names_what_could_be_better(
    faces: list[FoundFace], level: int, fps: float, words: list[str]
) -> None:
    camera = CameraSettings(source="0", masks=[LEFT])
    found, advice = examine(grey(level), fps, faces, camera, 24)
    assert len(advice) == len(words)
    assert all(word in line for word, line in zip(words, advice, strict=True))
    assert [one.box[0] for one in found] == [one.box[0] for one in faces if one.box[0] > 100]


def test_the_picture_hides_masks_and_blurs_faces() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    jpeg = shown_picture(picture, [face(200, 80)], CameraSettings(source="0", masks=[LEFT]), blurred=True)
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown[:, :150].max() < 30
    assert shown[30:90, 210:270].std() < 20 < shown[120:230, 200:300].std()


@pytest.fixture
def store() -> FakeStore:
    return FakeStore("desk")


@pytest.fixture
def client(store: FakeStore, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(store, SceneFeed, Settings(run_dir=tmp_path))  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def picture_of(answer: Any) -> np.ndarray:
    data = base64.b64decode(answer["picture"].removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_a_source_is_tried_and_shown_blurred_unless_clear_is_allowed(
    client: TestClient, store: FakeStore
) -> None:
    path = str(packaged("skimage", "data/astronaut.png"))
    found = client.post("/api/cameras/test", json={"source": path}).json()
    assert (found["width"], found["height"], len(found["faces"])) == (512, 512, 1)
    assert found["advice"] == []
    x, y, width, height = (int(value) for value in found["faces"][0]["box"])
    place = slice(y, y + height), slice(x, x + width)
    original = astronaut()[place].astype(int)
    assert np.abs(picture_of(found)[place] - original).mean() > 20
    store.blur, store.processes = False, [process("detector", preview="clear")]
    found = client.post("/api/cameras/test", json={"source": path}).json()
    assert np.abs(picture_of(found)[place] - original).mean() < 8


def test_what_gives_no_picture_says_why(client: TestClient, store: FakeStore) -> None:
    answer = client.post("/api/cameras/test", json={"source": "/nowhere.mp4"})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "/nowhere.mp4: no such file; correct the camera's source",
    )
    store.put_camera("door", CameraSettings(source="rtsp://me:secret@127.0.0.1:9/1"))
    answer = client.post("/api/cameras/test", json={"name": "door", "source": "rtsp://127.0.0.1:9/1"})
    assert answer.status_code == 422
    assert "can't reach 127.0.0.1 port 9" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_a_source_that_hangs_is_ended(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "TRIAL_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://me:secret@127.0.0.1:{silent.getsockname()[1]}/video"
        answer = client.post("/api/cameras/test", json={"source": url})
    assert answer.status_code == 422
    assert "within 1 s" in answer.json()["detail"]
    assert "secret" not in answer.text
    assert not [child for child in psutil.Process().children() if "look" in " ".join(child.cmdline())]


def test_few_are_tried_at_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_AT_ONCE", 0)
    assert client.post("/api/cameras/test", json={"source": "0"}).status_code == 429
