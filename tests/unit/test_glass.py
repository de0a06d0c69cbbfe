"""What browsers report of drawn frames becomes a metric, for cameras that exist."""

import json

import pytest

from services.dashboard.glass import GlassMeter, GlassReport
from shared import metrics


def counted() -> dict[str, float]:
    """Return frames by camera."""
    samples = [sample for metric in metrics.GLASS.collect() for sample in metric.samples]
    return {
        sample.labels["camera"]: sample.value
        for sample in samples
        if sample.name == "mien_glass_seconds_count"
    }


@pytest.fixture
def meter() -> GlassMeter:
    metrics.GLASS.clear()  # other tests of this process draw frames too
    meter = GlassMeter(wall_ns=lambda: 1_700_000_000_000_500_000, clock=lambda: 10.0)
    meter.know(frozenset({"door"}))
    return meter


def test_ages_are_observed_and_answered_with_the_clock(meter: GlassMeter) -> None:
    answer = json.loads(meter.take(GlassReport(sent_ms=5.0, seconds={"door": [0.1] * 19 + [0.4]})))
    assert answer == {"type": "glass", "sent_ms": 5.0, "at_ms": 1_700_000_000_000.5}
    assert counted()["door"] == 20
    assert meter.facts() == {"glass_p50_ms": 100.0, "glass_p95_ms": 400.0}


def test_a_camera_that_does_not_exist_makes_no_series(meter: GlassMeter) -> None:
    meter.take(GlassReport(sent_ms=5.0, seconds={"made-up": [0.1]}))
    assert counted() == {}
    assert meter.facts() == {}


def test_a_removed_camera_s_series_goes(meter: GlassMeter) -> None:
    meter.take(GlassReport(sent_ms=5.0, seconds={"door": [0.1]}))
    meter.know(frozenset({"desk"}))
    assert counted() == {}
