"""The Kubernetes manifests say what the code declares."""

import importlib.util
import re
import tomllib

import kubernetes_validate
import pytest
import yaml

from shared import topology
from shared.config import Settings, load_settings
from shared.loop import DRAIN_SECONDS
from tests.manifests import (
    FOLDER,
    NAME,
    OVERLAYS,
    containers,
    environment,
    of_kind,
    pods,
    ports,
)
from tests.queries import ROOT, TARGET_LABELS, selectors, series
from tests.setting_names import setting_names

each = pytest.mark.parametrize("overlay", OVERLAYS)


@each
def test_every_service_of_the_topology_runs_by_its_module(overlay):
    assert set(containers(overlay)) == set(topology.SERVICES)
    for name, container in containers(overlay).items():
        assert container["command"] == ["python", "-m", f"services.{name}"]
        assert importlib.util.find_spec(f"services.{name}.__main__")


@each
def test_ports_are_those_of_the_topology(overlay):
    for name, container in containers(overlay).items():
        own = topology.SERVICES[name].metrics_port
        health = Settings().dashboard.port if name == "dashboard" else own
        assert ports(container)["health"] == health
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"] == {"path": "/healthz", "port": "health"}
        service = of_kind(overlay, "Service")[name]
        (metrics,) = [port for port in service["spec"]["ports"] if port["name"] == "metrics"]
        assert metrics["port"] == own
        assert ports(container)[metrics["targetPort"]] == own


@each
def test_services_lead_to_their_pods(overlay):
    pods_by_label = {
        one["spec"]["template"]["metadata"]["labels"][NAME]: one
        for one in of_kind(overlay, "Deployment", "StatefulSet").values()
    }
    for name, service in of_kind(overlay, "Service").items():
        pod = pods_by_label[service["spec"]["selector"][NAME]]
        named = ports(pod["spec"]["template"]["spec"]["containers"][0])
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(named), name
        assert pod["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]


@each
def test_every_variable_is_a_setting_and_every_value_is_good(overlay, monkeypatch, tmp_path):
    config = tmp_path / "mien.yaml"
    config.write_text(of_kind(overlay, "ConfigMap")["mien-config"]["data"]["mien.yaml"])
    names = setting_names(Settings)
    for service, container in containers(overlay).items():
        assert {one["name"] for one in container["env"] if one["name"].startswith("MIEN_")} <= names, service
        with monkeypatch.context() as patched:
            for variable, value in environment(overlay, service).items():
                assert variable in names or not variable.startswith("MIEN_"), variable
                patched.setenv(variable, value)
            assert environment(overlay, service)["MIEN_CONFIG"] == "/etc/mien/mien.yaml"
            settings = load_settings(config)
        assert settings.metrics.host == "0.0.0.0"
        assert settings.capture.declare == "cameras"
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/etc/mien", str(settings.run_dir), "/tmp"} <= mounts


@each
def test_workers_go_where_broker_and_redis_listen(overlay):
    services = of_kind(overlay, "Service")
    offered = {
        f"{name}:{port['port']}" for name, service in services.items() for port in service["spec"]["ports"]
    }
    broker = environment(overlay, "broker")
    for name in topology.SERVICES:
        variables = environment(overlay, name)
        assert re.fullmatch(r"redis://(.*)/0", variables["MIEN_REDIS__URL"])[1] in offered
        for variable in ("MIEN_BUS__WORK", "MIEN_BUS__FEED"):
            assert broker[variable].startswith("tcp://0.0.0.0:")
            port = int(broker[variable].rpartition(":")[2])
            assert port in ports(containers(overlay)["broker"]).values()
            if name != "broker":
                assert variables[variable] == f"tcp://broker:{port}"
                assert variables[variable].removeprefix("tcp://") in offered


@each
def test_images_are_those_that_the_dockerfile_builds(overlay):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    compose = {
        re.sub(r"\$\{MIEN_VERSION:-([^}]*)\}", r"\1", service["image"])
        for file in ("docker-compose.yml", "deploy/compose.gpu.yaml")
        for service in yaml.safe_load((ROOT / file).read_text())["services"].values()
    }
    for name, container in containers(overlay).items():
        gpu = overlay == "gpu" and name == "classifier"
        assert container["image"] == f"mien:{version}{'-gpu' if gpu else ''}"
        assert container["image"] in compose
    (redis,) = of_kind(overlay, "StatefulSet")["redis"]["spec"]["template"]["spec"]["containers"]
    assert redis["image"] == f"mien-redis:{version}"
    assert redis["image"] in compose


def test_gpus_are_asked_for_by_classifiers_alone():
    for overlay in OVERLAYS:
        asking = {
            name
            for name, container in containers(overlay).items()
            if "nvidia.com/gpu" in container["resources"]["limits"]
        }
        assert asking == ({"classifier"} if overlay == "gpu" else set())
    assert environment("gpu", "classifier")["MIEN_CLASSIFIER__BACKEND"] == "tensorflow"


@each
def test_secrets_are_those_of_the_template(overlay):
    template = yaml.safe_load((FOLDER / "secret.example.yaml").read_text())
    kubernetes_validate.validate(template, "1.32", strict=True)
    used = {
        reference["key"]: reference["name"]
        for workload in of_kind(overlay, "Deployment", "StatefulSet").values()
        for container in workload["spec"]["template"]["spec"]["containers"]
        for one in container.get("env", [])
        if (reference := one.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert set(used) == set(template["stringData"])
    assert set(used.values()) == {template["metadata"]["name"]}


@each
def test_workers_scale_by_their_own_demand_and_drain(overlay):
    scaled = of_kind(overlay, "ScaledObject")
    assert set(scaled) == {name for name, service in topology.SERVICES.items() if service.queue}
    for name, one in scaled.items():
        assert one["spec"]["scaleTargetRef"] == {"name": name}
        deployment = of_kind(overlay, "Deployment")[name]["spec"]
        assert "replicas" not in deployment
        assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] >= 2 * DRAIN_SECONDS
        (trigger,) = one["spec"]["triggers"]
        assert (trigger["type"], trigger["metricType"]) == ("prometheus", "Value")
        asked = trigger["metadata"]
        assert (asked["threshold"], asked["ignoreNullValues"]) == ("0.7", "false")
        (selector,) = selectors(asked["query"])
        matchers = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert selector.name == "mien_demand_ratio"
        assert matchers == {"service": name, "namespace": one["metadata"]["namespace"]}
        assert set(matchers) <= series()[selector.name] | TARGET_LABELS
        down = one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 60
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


@each
def test_prometheus_scrapes_every_process_under_its_own_name(overlay):
    (monitor,) = of_kind(overlay, "ServiceMonitor").values()
    (wanted,) = monitor["spec"]["selector"]["matchExpressions"]
    assert (wanted["key"], set(wanted["values"])) == (NAME, set(topology.SERVICES))
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["honorLabels"]) == ("metrics", True)
    for name in topology.SERVICES:  # the operator's label `service` is the Service's name
        assert of_kind(overlay, "Service")[name]["metadata"]["labels"][NAME] == name


@each
def test_what_the_network_lets_through_is_what_is_served(overlay):
    served = {port for container in containers(overlay).values() for port in ports(container).values()}
    served |= {6379, 53}
    allowed = set()
    for policy in of_kind(overlay, "NetworkPolicy").values():
        rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
        for port in (port for rule in rules for port in rule.get("ports", [])):
            allowed |= set(range(port["port"], port.get("endPort", port["port"]) + 1))
    assert allowed == served
    labels = [pod["metadata"]["labels"] for pod in pods(overlay).values()]
    assert all(one["app.kubernetes.io/part-of"] == "mien" for one in labels)
