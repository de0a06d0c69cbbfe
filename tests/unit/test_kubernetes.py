"""The Kubernetes manifests are valid, locked down and spread; no cluster here."""

import json
import re
import shutil
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.kustomize import build
from tests.manifests import BUILT, FOLDER, NAME, OVERLAYS, identity, of_kind, pods
from tests.queries import ROOT

CUSTOM = {"ScaledObject", "ServiceMonitor"}
KUBECTL = shutil.which("kubectl")

each = pytest.mark.parametrize("overlay", OVERLAYS)


@each
def test_every_resource_is_valid(overlay):
    for resource in BUILT[overlay]:
        if resource["kind"] not in CUSTOM:
            kubernetes_validate.validate(resource, "1.32", strict=True)
            continue
        schema = json.loads((ROOT / f"tests/data/crds/{resource['kind']}.json").read_text())
        jsonschema.validate(resource, schema)


def test_validation_finds_what_is_wrong():
    deployment = json.loads(json.dumps(of_kind("cpu", "Deployment")["detector"]))
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.32", strict=True)
    scaled = json.loads(json.dumps(of_kind("cpu", "ScaledObject")["detector"]))
    scaled["spec"]["maxReplicas"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(scaled, json.loads((ROOT / "tests/data/crds/ScaledObject.json").read_text()))


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl here to compare with")
@each
def test_kubectl_builds_the_same(overlay):
    answer = subprocess.run(
        ["kubectl", "kustomize", FOLDER / "overlays" / overlay], capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    assert identity(list(yaml.safe_load_all(answer.stdout))) == identity(BUILT[overlay])


@each
def test_every_pod_is_locked_down(overlay):
    for name, workload in of_kind(overlay, "Deployment", "StatefulSet").items():
        pod = workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert container["resources"]["limits"]["memory"]


@each
def test_workers_are_spread_and_drained_one_by_one(overlay):
    budgets = of_kind(overlay, "PodDisruptionBudget")
    assert set(budgets) == {"capture", "detector", "classifier", "recorder"}
    for name, budget in budgets.items():
        assert budget["spec"]["selector"]["matchLabels"] == {NAME: name}
        spread = pods(overlay)[name]["spec"]["affinity"]["podAntiAffinity"]
        (preferred,) = spread["preferredDuringSchedulingIgnoredDuringExecution"]
        assert preferred["podAffinityTerm"]["labelSelector"]["matchLabels"] == {NAME: name}


def test_the_shard_of_the_docs_builds(tmp_path):
    """A folder beside the overlays, with the two files that docs/kubernetes.md shows."""
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    shard = tmp_path / "kubernetes/overlays/shard-b"
    shard.mkdir()
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/kubernetes.md").read_text(), re.S)
    for name, text in zip(("kustomization.yaml", "demand.yaml"), blocks, strict=True):
        (shard / name).write_text(text)
    built = identity(build(shard))
    assert set(built) == set(identity(BUILT["cpu"]))
    assert {one["metadata"]["namespace"] for one in built.values()} == {"mien-b"}
    (trigger,) = built["ScaledObject", "detector"]["spec"]["triggers"]
    (base,) = of_kind("cpu", "ScaledObject")["detector"]["spec"]["triggers"]
    changed = base["metadata"]["query"].replace('"mien"', '"mien-b"')
    assert trigger == {**base, "metadata": {**base["metadata"], "query": changed}}
