"""The system document and its parts: recent drops, latency over time, and names like those of the metrics."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

import services.dashboard
from services.dashboard.app import create_app
from services.dashboard.drops import DropsWatch
from services.dashboard.history import LatencyHistory
from services.dashboard.system import METRICS
from shared import metrics
from shared.balance import Ledger
from shared.config import Settings
from shared.messages import Outcome
from shared.topology import QUEUES, SERVICES, STAGES
from tests.fake_stack import FakeStore, SceneFeed, process


class Minutes(FakeStore):
    """A store whose minutes are given, and which counts how often an hour is read."""

    def __init__(self, rows: dict[int, dict[str, int]]) -> None:
        super().__init__()
        self.rows, self.reads = rows, 0

    def minutes(self, camera: str, since_minute: int, until_minute: int) -> list[dict[str, Any]]:
        self.reads += 1
        return [
            {"minute": minute, "latency": latency}
            for minute, latency in self.rows.items()
            if since_minute <= minute < until_minute
        ]


@pytest.fixture
def client() -> TestClient:
    store = FakeStore("desk", "door")
    store.ledgers["desk"] = {"captured": 500, "recorded": 470, "overtaken": 25, "stale": 3, "in_flight": 2}
    app = create_app(store, SceneFeed, Settings())  # type: ignore[arg-type]
    client = TestClient(app, base_url="http://127.0.0.1:8080")
    client.store = store  # type: ignore[attr-defined]
    return client


def test_drops_are_those_since_the_oldest_look_of_the_last_minute() -> None:
    watch = DropsWatch()
    assert watch.look({"desk": Ledger(captured=100, dropped={"stale": 9})}, 0.0).dropped == {}
    later = Ledger(captured=400, dropped={"stale": 9, "overtaken": 30})
    recent = watch.look({"desk": later, "new": Ledger(captured=50, dropped={"stale": 50})}, 10.0)
    assert (recent.seconds, recent.captured, recent.dropped) == (10.0, 300, {"overtaken": 30})
    assert recent.share("overtaken", "stale") == pytest.approx(0.1)
    assert watch.look({"desk": later}, 71.0).dropped == {}
    assert watch.look({"desk": Ledger(captured=900, dropped={"stale": 99})}, 500.0).captured == 0


def test_latency_over_time_has_a_point_for_each_minute_with_or_without_frames() -> None:
    now = 60 * 500 + 10
    history = LatencyHistory(Minutes({now - 2: {"50": 99, "1000": 1}, now: {"100": 10}}))
    points = history.points(["desk", "door"], 5, now)
    assert [point.frames for point in points] == [0, 0, 200, 0, 20]
    assert (points[0].start, points[0].seconds, points[0].p95_ms) == ((now - 4) * 60, 60, None)
    assert points[2].p50_ms is not None
    assert 30 < points[2].p50_ms < 50


def test_past_hours_are_read_once_and_long_spans_have_few_points() -> None:
    now = 60 * 500 + 10
    store = Minutes({now - 700: {"50": 8}})
    history = LatencyHistory(store)
    first = history.points(["desk"], 1440, now)
    assert len(first) in (120, 121)
    assert sum(point.frames for point in first) == 8
    reads, store.reads = store.reads, 0
    assert history.points(["desk"], 1440, now) == first
    assert (reads, store.reads) == (25, 1)


def test_the_document_holds_one_consistent_picture(client: TestClient) -> None:
    document = client.get("/api/system?minutes=30").json()
    assert document["verdict"]["code"] == "well"
    assert [bar["stage"] for bar in document["waterfall"]] == list(STAGES)
    assert document["waterfall"][2]["p50_ms"] == 20
    assert [stage["service"] for stage in document["pipeline"]] == list(SERVICES)[:4]
    detector, classifier = document["pipeline"][1:3]
    assert (detector["workers"], classifier["workers"], classifier["per_second"]) == (1, 2, 59.6)
    assert (detector["demand"], detector["queue"]["queue"], detector["queue"]["depth"]) == (0.42, "frames", 1)
    assert len(document["history"]) == 30
    assert document["history"][-1]["frames"] == document["status"]["latency"]["frames"] == 200
    assert document["models"] == [
        {"sha256": "0123456789ab", "backend": "litert", "provisional": True, "workers": 2}
    ]
    assert document["redis"]["limit_bytes"] == 512 * 2**20
    assert {"mien", "python", "messages", "valkey"} == set(document["versions"])
    ledger = document["status"]["ledger"]
    assert ledger["captured"] == ledger["recorded"] + sum(ledger["dropped"].values()) + ledger["in_flight"]


def test_without_redis_the_verdict_says_so(client: TestClient) -> None:
    client.store.away = True  # type: ignore[attr-defined]
    answer = client.get("/api/system")
    assert answer.status_code == 200
    assert answer.json()["verdict"]["code"] == "redis_away"
    assert "does not answer" in answer.json()["verdict"]["text"]
    assert answer.json()["status"] is None


@pytest.mark.parametrize("minutes", ["0", "1441", "x"])
def test_a_span_out_of_range_is_refused(client: TestClient, minutes: str) -> None:
    assert client.get(f"/api/system?minutes={minutes}").status_code == 422


def test_every_metric_that_is_named_exists() -> None:
    declared = {sample.name for metric in metrics.REGISTRY.collect() for sample in metric.samples}
    declared |= {metric.name for metric in metrics.REGISTRY.collect()}
    declared |= {f"{metric.name}_total" for metric in metrics.REGISTRY.collect() if metric.type == "counter"}
    assert set(METRICS.values()) <= declared
    folder = Path(services.dashboard.__file__).parent
    for file in [
        folder / "system.py",
        *folder.glob("static/**/system*/*.js"),
        *folder.glob("static/**/system*.js"),
    ]:
        assert set(re.findall(r"\bmien_[a-z_]+[a-z]\b", file.read_text())) <= declared, file


def test_the_documents_labels_are_those_of_the_metrics(client: TestClient) -> None:
    metrics.STAGE.clear()
    for stage in STAGES:
        metrics.STAGE.labels(stage=stage).observe(0.01)
    document = client.get("/api/system").json()
    labelled = {sample.labels["stage"] for metric in metrics.STAGE.collect() for sample in metric.samples}
    assert {bar["stage"] for bar in document["waterfall"]} == labelled
    queues = {stage["queue"]["queue"] for stage in document["pipeline"] if stage["queue"]}
    assert queues == set(QUEUES)
    assert set(document["status"]["ledger"]["dropped"]) <= {outcome.value for outcome in Outcome}


def test_two_models_in_use_are_both_named(client: TestClient) -> None:
    other = process("classifier", 3, model="ffff", backend="tensorflow")
    client.store.processes.append(other)  # type: ignore[attr-defined]
    models = client.get("/api/system").json()["models"]
    assert [model["sha256"] for model in models] == ["0123456789ab", "ffff"]
    assert msgspec.json.encode(models)


@pytest.mark.parametrize(
    ("ratio", "load", "code"),
    [
        (1.2, "over", "bottleneck"),
        (0.9, "near", "near_limit"),
        (0.85, "fine", "well"),
        (None, "absent", "no_worker"),
    ],
)
def test_a_stages_load_and_the_verdict_go_by_one_limit(
    client: TestClient, ratio: float | None, load: str, code: str
) -> None:
    store: FakeStore = client.store  # type: ignore[attr-defined]
    store.ledgers.clear()
    others = [sign for sign in store.processes if sign.service not in ("broker", "detector")]
    demand = {} if ratio is None else {"detector": ratio}
    detectors = [] if ratio is None else [process("detector")]
    store.processes = [*others, *detectors, process("broker", queues={}, demand=demand)]
    document = client.get("/api/system").json()
    assert (document["pipeline"][1]["load"], document["verdict"]["code"]) == (load, code)


def test_each_outcome_of_a_dropped_frame_is_explained(client: TestClient) -> None:
    explained = client.get("/api/system").json()["outcomes"]
    assert explained.keys() == set(Outcome) - {Outcome.RECORDED}
