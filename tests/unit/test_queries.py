"""Dashboards, rules and alerts ask for what the code declares, with the labels that it declares."""

import json

import pytest

from tests.queries import (
    DASHBOARDS,
    TARGET_LABELS,
    dashboard_queries,
    declared,
    labels_of,
    rule_queries,
    selectors,
    series,
)

QUERIES = [*rule_queries(), *dashboard_queries()]
DECLARED = series()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_a_query_asks_for_series_and_labels_that_there_are(query):
    known = {*TARGET_LABELS}
    for selector in selectors(query.text):
        assert selector.name in DECLARED, f"{query.where}: no series {selector.name}"
        own = DECLARED[selector.name] | TARGET_LABELS
        matched = {matcher.name for matcher in selector.matchers.matchers}
        assert matched <= own, f"{query.where}: {selector.name} has no {matched - own}"
        known |= own
    assert labels_of(query.text) <= known, f"{query.where}: {labels_of(query.text) - known}"


def test_a_wrong_name_or_label_would_be_found():
    assert selectors("rate(mien_frame_total[1m])")[0].name not in DECLARED
    assert labels_of('sum by (a) (x{b="c"}) / on (d) y') == {"a", "b", "d"}
    assert DECLARED["mien_stage_seconds_bucket"] == {"stage", "le"}
    assert DECLARED["camera:mien_frames:rate1m"] == {"camera", "outcome"}


def test_every_metric_is_on_a_dashboard():
    shown = {selector.name for query in dashboard_queries() for selector in selectors(query.text)}
    behind = {selector.name for query in rule_queries() for selector in selectors(query.text)}
    for name in declared():
        names = {name, f"{name}_bucket", f"{name}_sum"}
        assert names & (shown | behind), f"no panel, rule or alert asks for {name}"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path):
    dashboard = json.loads(path.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        cells = {(column, line) for column in range(x, x + w) for line in range(y, y + h)}
        assert x + w <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "prometheus"
            assert panel["targets"]


def test_latency_is_a_heat_map_with_the_objective():
    panels = json.loads(DASHBOARDS[0].read_text())["panels"]
    (heat,) = [panel for panel in panels if panel["type"] == "heatmap"]
    assert heat["targets"][0]["format"] == "heatmap"
    assert "mien_end_to_end_seconds_bucket" in heat["targets"][0]["expr"]
    assert "$" + "{objective}" in heat["title"]
