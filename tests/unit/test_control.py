"""What the dashboard's API changes: cameras, the running stack's settings, the model."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.dashboard.app import create_app
from shared.artefact import DEFAULT_ARTEFACT
from shared.config import CameraSettings, Settings
from tests.fake_stack import FakeStore, SceneFeed, process


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore("desk")
    store.put_camera("door", CameraSettings(source="rtsp://me:secret@cam/1", fps=5), "config")
    return store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(run_dir=tmp_path)


@pytest.fixture
def client(store: FakeStore, settings: Settings) -> Iterator[TestClient]:
    app = create_app(store, SceneFeed, settings)  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


@pytest.fixture
def supervisor(settings: Settings) -> Iterator[None]:
    """Stand for a `mien up` that runs in the run directory."""
    lock = os.open(settings.run_dir / "lock", os.O_RDWR | os.O_CREAT)
    os.write(lock, b"1")
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield
    os.close(lock)


def test_a_camera_is_changed_in_part(client: TestClient, store: FakeStore) -> None:
    answer = client.patch("/api/cameras/door", json={"paused": True, "fps": None})
    assert answer.status_code == 200
    assert (answer.json()["paused"], answer.json()["source"]) == (True, "rtsp://cam/1")
    changed = store.wanted_cameras()["door"]
    assert changed.settings == CameraSettings(source="rtsp://me:secret@cam/1", paused=True)
    assert changed.origin == "config"


def test_a_source_that_comes_back_as_it_was_shown_keeps_its_password(
    client: TestClient, store: FakeStore
) -> None:
    shown = client.get("/api/cameras").json()[1]["source"]
    client.patch("/api/cameras/door", json={"source": shown, "fps": 3})
    assert store.cameras()["door"].source == "rtsp://me:secret@cam/1"
    client.patch("/api/cameras/door", json={"source": "rtsp://elsewhere/1"})
    assert store.cameras()["door"].source == "rtsp://elsewhere/1"
    assert [row["action"] for row in store.audit] == ["camera.change"] * 2
    assert "secret" not in str(store.audit)


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("yard", {"fps": 3}, 404),
        ("door", {"fps": -1}, 422),
        ("door", {"source": ""}, 422),
        ("door", {"sauce": "x"}, 422),
        ("door", [], 422),
    ],
)
def test_a_wrong_change_is_refused_in_one_line(
    client: TestClient, store: FakeStore, name: str, change: object, status: int
) -> None:
    before = store.cameras()
    answer = client.patch(f"/api/cameras/{name}", json=change)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert "secret" not in answer.text
    assert store.cameras() == before


def test_settings_say_what_holds(client: TestClient, store: FakeStore) -> None:
    found = client.get("/api/settings").json()
    assert found["model"] == str(DEFAULT_ARTEFACT)
    assert (found["blur"], found["supervised"]) == (True, False)
    assert (found["detectors"], found["classifiers"], found["recorders"]) == (1, 2, 1)


def test_counts_are_changed_only_where_a_supervisor_follows_them(
    client: TestClient, store: FakeStore
) -> None:
    answer = client.patch("/api/settings", json={"detectors": 2, "blur": False})
    assert answer.status_code == 409
    assert "mien up" in answer.json()["detail"]
    assert store.asked == {}


@pytest.mark.usefixtures("supervisor")
def test_counts_are_changed_and_given_back_under_a_supervisor(client: TestClient, store: FakeStore) -> None:
    found = client.patch("/api/settings", json={"detectors": 2, "blur": False}).json()
    assert (found["supervised"], found["detectors"], found["blur"]) == (True, 2, False)
    assert store.asked == {"detectors": 2, "blur": False}
    assert client.patch("/api/settings", json={"detectors": None}).json()["detectors"] == 1
    for name, most in found["most"].items():
        assert client.patch("/api/settings", json={name: most}).status_code == 200
        assert client.patch("/api/settings", json={name: most + 1}).status_code == 422
    assert found["most"].keys() == {"detectors", "classifiers", "recorders"}


def test_the_status_advises_mien_scale_only_under_a_supervisor(
    client: TestClient, store: FakeStore, request: pytest.FixtureRequest
) -> None:
    store.processes[0] = process("broker", queues={}, demand={"detector": 1.4})
    assert "mien scale" not in client.get("/api/status").text
    request.getfixturevalue("supervisor")
    assert "mien scale detector=2" in client.get("/api/status").text


def test_the_models_to_choose_from(client: TestClient) -> None:
    (shipped,) = client.get("/api/models").json()
    assert shipped["path"] == str(DEFAULT_ARTEFACT)
    assert (shipped["state"], shipped["configured"], shipped["wanted"]) == ("good", True, True)
    assert 0 < shipped["accuracy"] < 1
    assert 0 < shipped["threshold"] < 1
    assert len(shipped["sha256"]) == 12


def test_a_model_is_chosen_among_those_and_no_other_path_is_looked_at(
    store: FakeStore, tmp_path: Path
) -> None:
    for name in ("mine", "broken"):
        shutil.copytree(DEFAULT_ARTEFACT, tmp_path / "runs" / name)
    (tmp_path / "runs/broken/model_int8.tflite").unlink()
    own = Settings(run_dir=tmp_path, classifier={"model": tmp_path / "runs/mine"})
    app = create_app(store, SceneFeed, own)  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        found = {model["path"]: model["state"] for model in client.get("/api/models").json()}
        assert found[str(DEFAULT_ARTEFACT)] == "good"
        assert "missing" in found[str(tmp_path / "runs/broken")]
        for path in (tmp_path / "runs/broken", tmp_path, "/etc/passwd"):
            assert client.patch("/api/settings", json={"model": str(path)}).status_code == 422
        chosen = client.patch("/api/settings", json={"model": str(DEFAULT_ARTEFACT)})
        assert (chosen.status_code, store.asked) == (200, {"model": str(DEFAULT_ARTEFACT)})
        assert client.patch("/api/settings", json={"model": None}).json()["model"].endswith("mine")
