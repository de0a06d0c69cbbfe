"""Timeline, exports and results by time over the REST API, with a store in memory."""

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.dashboard.app import create_app
from shared.config import Settings
from shared.emotions import EMOTIONS
from shared.export import CHUNK_CHARACTERS, csv_text, json_lines
from tests.fake_stack import FakeStore, SceneFeed, face, minute_row, result

SECOND = 1_000_000_000
NOW = MINUTE = 0
"""Seconds and minutes since 1970, half an hour apart; set for each test: the API looks back from its now."""


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    now = int(time.time())
    monkeypatch.setattr(request.module, "NOW", now)
    monkeypatch.setattr(request.module, "MINUTE", now // 60 - 30)


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore("desk", "door")
    for number in range(100):
        faces = [
            {**face((1, 2, 30, 40), "happy" if number < 60 else "sad"), "seconds": 0.5, "zones": ["till"]}
        ]
        row = result("desk", number + 1, faces, (NOW - 100 + number) * SECOND)
        store.recorded.setdefault("desk", []).append({**row, "id": f"{number + 1}-0"})
    store.counted["door"] = [
        minute_row(MINUTE, faces=900, arrived=2, stayed=1, seconds={"happy": 30.0, "uncertain": 10.0}),
        minute_row(MINUTE + 1, faces=450, arrived=1, stayed=3, seconds={"sad": 5.0}),
    ]
    return store


@pytest.fixture
def client(store: FakeStore) -> Iterator[TestClient]:
    app = create_app(store, lambda: SceneFeed(), Settings())  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def buckets(client: TestClient, camera: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/timeline", params={"cameras": camera, **query})
    assert answer.status_code == 200, answer.text
    (part,) = answer.json()["cameras"]
    assert part["camera"] == camera
    found: list[dict[str, Any]] = part["buckets"]
    return found


def test_minutes_come_from_full_results_in_buckets_of_seconds(client: TestClient) -> None:
    found = buckets(client, "desk", **{"from": "5m"})
    assert {one["seconds"] for one in found} == {2}
    assert sum(one["emotions"].get("happy", 0) for one in found) == 30.0
    assert sum(one["emotions"].get("sad", 0) for one in found) == 20.0
    assert {one["tracks"] for one in found} == {1}
    assert {one["faces"] for one in found} == {1.0}


def test_an_hour_comes_from_minute_counts(client: TestClient) -> None:
    first, second = buckets(client, "door", **{"from": "1h"})
    assert first == {
        "start": MINUTE * 60, "seconds": 60, "frames": 900, "faces": 1.0, "tracks": 3, "arrived": 2,
        "uncertain": 10.0,
        "emotions": {"happy": 30.0},
    }  # fmt: skip
    assert (second["tracks"], second["faces"]) == (4, 0.5)


def test_all_begins_where_anything_is_recorded(client: TestClient) -> None:
    answer = client.get("/api/timeline", params={"from": "all"}).json()
    assert [part["camera"] for part in answer["cameras"]] == ["desk", "door"]
    assert answer["from"] <= MINUTE * 60 < answer["from"] + 3600 + answer["step"]
    assert answer["to"] >= NOW


def test_every_camera_is_there_however_many_there_are(client: TestClient, store: FakeStore) -> None:
    settings = store.cameras()["desk"]
    for number in range(300):
        store.put_camera(f"cam{number}", settings)
        store.counted[f"cam{number}"] = [minute_row(MINUTE)]
    names = list(store.cameras())
    answer = client.get("/api/timeline").json()
    assert [part["camera"] for part in answer["cameras"]] == names
    file = client.get("/api/export", params={"from": "1h", "rows": "minutes"}).text
    assert {row["camera"] for row in csv.DictReader(io.StringIO(file))} == set(names)
    for count, status in ((256, 200), (257, 422)):
        for path in ("timeline", "export"):
            some = client.get(f"/api/{path}", params={"cameras": ",".join(names[:count])})
            assert some.status_code == status


def test_moments_are_ages_numbers_or_times(client: TestClient) -> None:
    query = {"from": f"{MINUTE * 60}", "to": f"{MINUTE * 60 + 700}"}
    found = buckets(client, "door", **query)
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(MINUTE * 60))
    assert buckets(client, "door", **{**query, "from": text}) == found
    assert [one["start"] for one in found] == [MINUTE * 60, MINUTE * 60 + 60]


@pytest.mark.parametrize(
    "query",
    ["from=soon", "from=5m&to=10m", "from=-3", "from=nan", "from=1e300", "to=31d&from=40d", "cameras=A,b",
     "cameras=", "from=0001-01-01T00:00"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["timeline", "export"])
def test_a_wrong_stretch_is_refused_in_one_line(client: TestClient, path: str, query: str) -> None:
    answer = client.get(f"/api/{path}?{query}")
    assert answer.status_code == 422
    assert "\n" not in answer.json()["detail"]


def test_results_of_a_stretch(client: TestClient) -> None:
    query = {"from": str(NOW - 90), "to": str(NOW - 80), "limit": 6}
    first = client.get("/api/cameras/desk/results", params=query).json()
    rest = client.get("/api/cameras/desk/results", params={**query, "after": first["next"]}).json()
    assert [row["sequence"] for row in first["results"] + rest["results"]] == list(range(11, 21))
    assert rest["next"] is None


def test_csv_has_a_row_for_each_face(client: TestClient) -> None:
    answer = client.get("/api/export", params={"from": "2m", "cameras": "desk"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="mien-faces-')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 100
    assert rows[0]["captured_at"] == time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NOW - 100))
    expected = {"camera": "desk", "track": "1", "emotion": "sad", "smoothed_emotion": "sad", "zones": "till"}
    assert {name: rows[-1][name] for name in expected} == expected
    assert {f"p_{label}" for label in EMOTIONS} | {f"smoothed_{label}" for label in EMOTIONS} <= set(rows[0])
    assert float(rows[0]["p_happy"]) == pytest.approx(0.82)


def test_json_lines_have_the_faces_as_results_have_them(client: TestClient, store: FakeStore) -> None:
    query = {"from": "2m", "cameras": "desk", "format": "jsonl", "zone": "till"}
    rows = [json.loads(line) for line in client.get("/api/export", params=query).text.splitlines()]
    assert len(rows) == 100
    assert rows[7] == {
        **{name: store.recorded["desk"][7][name] for name in ("captured_at", "camera", "run", "sequence")},
        **store.recorded["desk"][7]["faces"][0],
    }
    assert client.get("/api/export", params={**query, "zone": "door"}).text == ""


def test_minutes_can_be_exported_where_faces_are_gone(client: TestClient) -> None:
    answer = client.get("/api/export", params={"from": "1h", "cameras": "door", "rows": "minutes"})
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["at"], first["tracks"]) == (
        time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(MINUTE * 60)),
        "3",
    )
    assert (first["face_seconds"], first["uncertain"], first["happy"], first["sad"]) == (
        "40.0", "10.0", "30.0", "0.0",
    )  # fmt: skip
    assert second["sad"] == "5.0"


def test_without_redis_an_export_is_an_error_and_not_an_empty_file(
    client: TestClient, store: FakeStore
) -> None:
    store.away = True
    for path in ("export?cameras=desk", "timeline", "export?rows=minutes&cameras=desk"):
        assert client.get(f"/api/{path}").status_code == 503


@pytest.mark.parametrize("write", [lambda rows: csv_text(rows, ("a",)), json_lines])
def test_a_file_is_written_piece_by_piece(write: Any) -> None:
    given = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal given
        for number in range(10_000):
            given += 1
            yield {"a": number, "b": "x" * 100}

    chunks = write(rows())
    first = next(chunks)
    assert len(first) < CHUNK_CHARACTERS + 200
    assert given < 1000
    assert sum(map(len, chunks)) > 900_000


def test_now_is_the_brokers_where_the_clocks_differ(store: FakeStore) -> None:
    app = create_app(store, lambda: SceneFeed(), Settings(), lambda: (NOW - 50) * SECOND)  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost:8080") as client:
        answer = client.get("/api/timeline", params={"cameras": "desk", "from": "1m"}).json()
        assert NOW - 50 <= answer["to"] <= NOW - 50 + answer["step"]
