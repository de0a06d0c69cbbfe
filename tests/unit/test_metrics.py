"""Metrics that name something in use show that alone."""

from pathlib import Path
from typing import Any

from shared import metrics
from shared.beats import Beats
from shared.config import MetricsSettings, Settings
from shared.errors import StoreError
from tests.waiting import wait_for


def test_the_model_in_use_replaces_the_one_before() -> None:
    metrics.show_model({"model": "aaaa", "model_name": "old", "backend": "litert"})
    metrics.show_model({"model": "bbbb", "model_name": "new", "backend": "litert"})
    metrics.show_model({})
    samples = [
        (sample.labels, sample.value) for metric in metrics.MODEL_INFO.collect() for sample in metric.samples
    ]
    assert samples == [({"name": "new", "sha256": "bbbb", "backend": "litert"}, 1.0)]


def test_the_objective_is_served_as_it_is_configured() -> None:
    metrics.start_server(MetricsSettings(objective=0.4), 0)
    assert value("mien_objective_seconds") == 0.4


class FailingStore:
    """Takes no health until it is mended."""

    is_mended = False

    def publish_health(self, health: object) -> None:
        if not self.is_mended:
            raise StoreError("Redis is full")


def test_a_process_shows_whether_redis_takes_what_it_writes(tmp_path: Path) -> None:
    store: Any = FailingStore()
    beats = Beats(Settings(run_dir=tmp_path), "someone", "someone-1", store)
    assert value("mien_redis_up", service="someone") is None  # one that only starts accuses nobody
    beats.start()
    wait_for(lambda: value("mien_redis_up", service="someone") == 0, "Redis' being down", 20)
    store.is_mended = True
    wait_for(lambda: value("mien_redis_up", service="someone") == 1, "Redis' being up", 20)
    beats.stop()
    (host,) = [sample.labels["host"] for sample in next(iter(metrics.HOST_CORES.collect())).samples]
    assert metrics.REGISTRY.get_sample_value("mien_host_busy_ratio", {"host": host}) is not None


def value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)
