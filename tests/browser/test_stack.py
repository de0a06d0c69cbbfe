"""The page over a real stack: pictures of real cameras move, and their boxes are those that were recorded."""

import contextlib
import json
import re
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

from shared.config import CameraSettings
from shared.topology import STAGES
from tests.browser.drawn import outline, wait_for_frame
from tests.browser.figures import add_by_form
from tests.media import carphone
from tests.prometheus import PROMETHEUS, WHERE_FROM, running_prometheus
from tests.queries import dashboard_queries, is_of_health, rule_queries, rules, selectors
from tests.running_stack import RunningStack
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(300)
CAMERA = "carphone"
START_SECONDS = 90.0
FIRST_FRAME_MS = 60_000
"""For what starts a process, on a machine that does much else."""
LIVE_SECONDS = 15.0
"""From adding a camera to its live tile on a busy machine; docs/dashboard.md has the figure."""


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """A stack with one camera, slow enough to be followed anywhere."""
    camera = CameraSettings(source=str(carphone()), loop=True, pace="live", fps=5)
    with (
        tempfile.TemporaryDirectory(prefix="mien-") as folder,
        RunningStack(Path(folder), "--detection-width", "320", "--classifiers", "1", "--no-demo") as stack,
    ):
        stack.wait_until("capture", 1, START_SECONDS)
        stack.store.put_camera(CAMERA, camera)
        stack.wait_for_result(CAMERA, START_SECONDS)
        stack.wait_until("dashboard", 1, START_SECONDS)
        yield stack


@pytest.fixture(scope="module")
def url(stack: RunningStack) -> str:
    """The dashboard."""
    return str(stack.record()["dashboard"]).rstrip("/") + "/"


def recorded(url: str, camera: str, run: int, sequence: int) -> dict[str, Any] | None:
    """Return the result of one frame, as the API gives it."""
    with urllib.request.urlopen(f"{url}api/cameras/{camera}/results?from=2m&limit=1000") as answer:
        rows = json.load(answer)["results"]
    return next((row for row in rows if (row["run"], row["sequence"]) == (run, sequence)), None)


def test_the_boxes_on_a_picture_are_those_recorded_of_that_frame(page: Page, url: str) -> None:
    page.goto(url)
    page.set_default_timeout(FIRST_FRAME_MS)
    first = wait_for_frame(page, CAMERA)
    later = wait_for_frame(page, CAMERA, first.sequence + 5)
    for drawn in (first, later):
        row = recorded(url, CAMERA, drawn.run, drawn.sequence)
        assert row is not None
        assert drawn.boxes == [face["box"] for face in row["faces"]]
    assert len(later.boxes) == 1


def test_boxes_on_the_canvas_lie_where_the_api_says_of_that_frame(page: Page, url: str) -> None:
    page.goto(url)
    page.set_default_timeout(FIRST_FRAME_MS)
    compared = after = 0
    while compared < 3:
        after = wait_for_frame(page, CAMERA, after).sequence
        seen = outline(page, CAMERA)
        row = recorded(url, CAMERA, seen.run, seen.sequence)
        assert row is not None
        face = row["faces"][0]
        if not face["certain"] or face["emotion"] != face["smoothed_emotion"]:
            continue  # a dashed box has no pixel on every line
        x, y, width, height = face["box"]
        centre = seen.centres[face["emotion"]]
        assert abs(centre[0] * row["width"] - (x + width / 2)) < 0.05 * width
        assert abs(centre[1] * row["height"] - (y + height / 2)) < 0.05 * width
        compared += 1


STATES = """query => {
  const tile = document.querySelector(query);
  window.states = [];
  const note = () => window.states.push(`${tile.dataset.state}: ${tile.querySelector(".state").textContent}`);
  new MutationObserver(note).observe(tile, { attributes: true, subtree: true, childList: true });
}"""
HAS_BEEN_LOST = "() => window.states.some((state) => state.startsWith('lost: lost since'))"


def kill_camera(stack: RunningStack) -> None:
    """Kill whatever reads the camera; it is started again after a pause that the page may just miss."""
    for process in stack.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(CAMERA in word for word in process.cmdline()):
                process.kill()


def test_a_killed_camera_process_shows_as_lost_and_comes_back(
    page: Page, stack: RunningStack, url: str
) -> None:
    page.goto(url)
    page.set_default_timeout(FIRST_FRAME_MS)
    wait_for_frame(page, CAMERA)
    page.evaluate(STATES, f"article[data-camera={CAMERA}]")
    wait_for(lambda: kill_camera(stack) or page.evaluate(HAS_BEEN_LOST), "the tile says that it is lost", 60)
    page.evaluate("() => { window.states = []; }")
    page.wait_for_function("() => window.states.some((state) => state === 'live: live')")


def test_a_camera_added_over_the_api_comes_alive_on_the_page(page: Page, url: str) -> None:
    page.goto(url)
    body = {"name": "extra", "source": str(carphone()), "loop": True, "pace": "live", "fps": 5}
    request = urllib.request.Request(f"{url}api/cameras", json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    urllib.request.urlopen(request).close()
    live = page.locator("article[data-camera=extra][data-state=live]")
    expect(live).to_be_visible(timeout=FIRST_FRAME_MS)
    assert wait_for_frame(page, "extra").boxes
    urllib.request.urlopen(urllib.request.Request(f"{url}api/cameras/extra", method="DELETE")).close()
    expect(page.locator("article[data-camera=extra]")).to_have_count(0, timeout=FIRST_FRAME_MS)


def test_the_timeline_has_weighed_the_face(url: str) -> None:
    """Of a real camera: about as many face-seconds as it has seconds, and few tracks since it began."""

    def weighed() -> bool:
        with urllib.request.urlopen(f"{url}api/timeline?from=30m&step=60&cameras={CAMERA}") as answer:
            buckets = json.load(answer)["cameras"][0]["buckets"]
        seconds = sum(bucket["uncertain"] + sum(bucket["emotions"].values()) for bucket in buckets)
        return seconds > 3 and 0 < sum(bucket["arrived"] for bucket in buckets) < 30

    wait_for(weighed, "three face-seconds of the camera", START_SECONDS)


def test_the_page_shows_the_numbers_of_the_status(page: Page, url: str) -> None:
    page.goto(f"{url}#/system")
    row = page.locator("#ledger tr", has_text=CAMERA)
    expect(row).to_be_visible(timeout=FIRST_FRAME_MS)

    def agrees() -> bool:
        with urllib.request.urlopen(f"{url}api/status") as answer:
            cameras = {camera["camera"]: camera for camera in json.load(answer)["cameras"]}
        ledger: dict[str, Any] = cameras[CAMERA]["ledger"]
        dropped = sum(ledger["dropped"].values())
        assert ledger["captured"] == ledger["recorded"] + dropped + ledger["in_flight"]
        captured = int(row.locator("td").nth(0).inner_text().replace(",", ""))
        return 0 <= int(ledger["captured"]) - captured < 100

    wait_for(agrees, "the page shows the ledger of the API", START_SECONDS)


def test_the_system_page_the_api_and_the_metrics_agree(page: Page, url: str) -> None:
    with urllib.request.urlopen(f"{url}api/prometheus-targets") as answer:
        broker = next(row for row in json.load(answer) if row["labels"]["service"] == "broker")
    with urllib.request.urlopen(f"http://{broker['targets'][0]}/metrics") as answer:
        exposed = answer.read().decode()
    with urllib.request.urlopen(f"{url}api/system") as answer:
        system = json.load(answer)
    assert [bar["stage"] for bar in system["waterfall"] if bar["stage"] in STAGES] == list(STAGES)
    assert 0 < sum(bar["p50_ms"] for bar in system["waterfall"]) < 60_000
    assert system["redis"]["used_bytes"] > 0
    assert system["history"][-1]["frames"] + system["history"][-2]["frames"] > 0
    detector = next(worker for worker in system["status"]["workers"] if worker["service"] == "detector")
    assert detector["cores"] > 0
    assert detector["batch_size"] in (0, 1)  # 0: no step in that second
    page.goto(f"{url}#/system")
    for stage in system["pipeline"][1:]:
        service, workers = stage["service"], stage["workers"]
        assert f'mien_workers{{service="{service}"}} {workers:.1f}' in exposed
        box = page.locator(f"#pipeline .stage[data-service={service}]")
        expect(box).to_contain_text(f"\u00d7{workers}", timeout=FIRST_FRAME_MS)
    expect(page.locator("#verdict")).to_have_attribute("data-code", re.compile("[a-z]"))


@pytest.mark.timeout(300)
def test_prometheus_gets_what_dashboards_rules_and_alerts_ask_for(
    page: Page, url: str, tmp_path: Path
) -> None:
    if PROMETHEUS is None:
        pytest.skip(f"no prometheus here: {WHERE_FROM}")
    queries = [*rule_queries(), *dashboard_queries()]
    asked = {
        selector.prettify()
        for query in queries
        for selector in selectors(query.text)
        if is_of_health(selector)
    }
    page.goto(url)
    wait_for_frame(page, CAMERA)
    with running_prometheus(tmp_path, url) as prometheus:
        wait_for(lambda: prometheus.query("camera:mien_frames:rate1m"), "rules are reckoned", 60)
        for selector in sorted(asked):
            wait_for(lambda selector=selector: prometheus.query(selector), f"series {selector}", 30)
        for query in dashboard_queries():
            if all(is_of_health(selector) for selector in selectors(query.text)):
                wait_for(lambda text=query.text: prometheus.query(text), f"{query.where}: {query.text}", 30)
        workers = {sample["metric"]["service"] for sample in prometheus.query("mien_workers")}
        assert {"detector", "classifier", "recorder"} <= workers  # not the broker's, that served it
        alerts = [rule for rule in rules() if "alert" in rule]
        names = "|".join(alert["alert"] for alert in alerts if alert["labels"]["severity"] == "critical")
        assert prometheus.query(f'ALERTS{{alertstate="firing",alertname=~"{names}"}}') == []


def test_a_paused_camera_is_not_down(url: str) -> None:
    def exposed() -> str:
        with urllib.request.urlopen(f"{url}api/prometheus-targets") as answer:
            capture = next(row for row in json.load(answer) if row["labels"]["service"] == "capture")
        with urllib.request.urlopen(f"http://{capture['targets'][0]}/metrics") as answer:
            return str(answer.read().decode())

    series = f'mien_camera_up{{camera="{CAMERA}"}}'
    wait_for(lambda: f"{series} 1.0" in exposed(), "the camera is up", 20)
    for paused in (True, False):
        body = json.dumps({"paused": paused}).encode()
        headers = {"content-type": "application/json"}
        address = f"{url}api/cameras/{CAMERA}"
        urllib.request.urlopen(urllib.request.Request(address, body, headers, method="PATCH")).close()
        wait_for(lambda paused=paused: (series not in exposed()) is paused, f"paused is {paused}", 20)


def test_a_camera_added_by_form_is_soon_live_on_the_wall(page: Page, url: str) -> None:
    page.set_default_timeout(FIRST_FRAME_MS)
    seconds = add_by_form(page, url, "formed", carphone())
    print(f"live {seconds:.1f} s after it was added")
    assert seconds < LIVE_SECONDS
    assert wait_for_frame(page, "formed").boxes
    page.goto(f"{url}#/cameras/formed")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".notice", has_text="formed is paused")).to_be_visible(timeout=FIRST_FRAME_MS)
    wait_for(lambda: state_of(url, "formed") == "paused", "the camera is paused", START_SECONDS)
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    wait_for(lambda: state_of(url, "formed") is None, "the camera is gone", START_SECONDS)


def test_this_devices_camera_is_recorded_like_any_other(page: Page, url: str) -> None:
    page.set_default_timeout(FIRST_FRAME_MS)
    page.goto(f"{url}#/cameras?add=browser")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add it").click()
    drawn = """() => {
      const { run, sequence } = document.querySelector("article[data-camera=laptop] canvas")?.dataset ?? {};
      return sequence > 5 && [Number(run), Number(sequence)];
    }"""
    run, sequence = page.wait_for_function(drawn).json_value()
    row = wait_for(lambda: recorded(url, "laptop", run, sequence), "the frame is recorded", START_SECONDS)
    assert row is not None
    assert row["width"] == 640
    page.locator(".recording").get_by_role("button", name="Stop").click()
    expect(page.locator("article[data-camera=laptop][data-state=lost]")).to_be_visible(timeout=FIRST_FRAME_MS)
    urllib.request.urlopen(urllib.request.Request(f"{url}api/cameras/laptop", method="DELETE")).close()


def state_of(url: str, camera: str) -> str | None:
    """Return a camera's state, as the API gives it; None: there is no such camera."""
    with urllib.request.urlopen(f"{url}api/status") as answer:
        states = {row["camera"]: row["state"] for row in json.load(answer)["cameras"]}
    return states.get(camera)
