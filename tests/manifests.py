"""The Kubernetes manifests as kustomize builds them, and how to find things in them."""

from typing import Any

from tests.kustomize import build
from tests.queries import ROOT

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
BUILT = {name: build(FOLDER / "overlays" / name) for name in OVERLAYS}
NAME = "app.kubernetes.io/name"


def of_kind(overlay: str, *kinds: str) -> dict[str, dict[str, Any]]:
    """Return the resources of these kinds by name."""
    return {one["metadata"]["name"]: one for one in BUILT[overlay] if one["kind"] in kinds}


def pods(overlay: str) -> dict[str, dict[str, Any]]:
    """Return the pods of Mien's own processes, by service."""
    workloads = of_kind(overlay, "Deployment", "StatefulSet")
    return {name: one["spec"]["template"] for name, one in workloads.items() if name != "redis"}


def containers(overlay: str) -> dict[str, dict[str, Any]]:
    """Return the one container of each service."""
    found = {}
    for name, pod in pods(overlay).items():
        (found[name],) = pod["spec"]["containers"]
    return found


def environment(overlay: str, service: str) -> dict[str, str]:
    """Return the plain variables of a container, as Kubernetes puts them together."""
    container = containers(overlay)[service]
    (source,) = container["envFrom"]
    shared = of_kind(overlay, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return shared | {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}


def ports(container: dict[str, Any]) -> dict[str, int]:
    """Return a container's ports by name."""
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def identity(resources: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return resources by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for one in resources}
