"""Metrics that name something in use show that alone."""

from shared import metrics


def test_the_model_in_use_replaces_the_one_before() -> None:
    metrics.show_model({"model": "aaaa", "backend": "litert"})
    metrics.show_model({"model": "bbbb", "backend": "litert"})
    metrics.show_model({})
    samples = [
        (sample.labels, sample.value) for metric in metrics.MODEL_INFO.collect() for sample in metric.samples
    ]
    assert samples == [({"sha256": "bbbb", "backend": "litert"}, 1.0)]
