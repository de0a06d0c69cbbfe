"""The part of kustomize that deploy/kubernetes uses: its manifests are checked where kubectl is not, too."""

import copy
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
KEYS = {
    "containers": "name",
    "volumes": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
}
"""By what a strategic merge tells entries of these lists apart; other lists are replaced."""


def build(folder: Path) -> list[Resource]:
    """Return what `kubectl kustomize FOLDER` prints, in no particular order.

    Raises:
        ValueError: a field that this does not know, or a patch without a target.
    """
    return _apply(folder, [])


def _apply(folder: Path, resources: list[Resource]) -> list[Resource]:
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = set(plan) - {
        "apiVersion",
        "kind",
        "resources",
        "components",
        "patches",
        "namespace",
        "labels",
        "images",
    }
    if unknown:
        raise ValueError(f"{folder}: {unknown} are not known here")
    resources = [*resources, *(one for path in plan.get("resources", []) for one in _read(folder / path))]
    for path in plan.get("components", []):
        resources = _apply((folder / path).resolve(), resources)
    for patch in plan.get("patches", []):
        _patch(resources, yaml.safe_load((folder / patch["path"]).read_text()), patch.get("target"))
    for resource in resources:
        if "namespace" in plan:
            resource["metadata"]["namespace"] = plan["namespace"]
        for label in plan.get("labels", []):
            _label(resource, label["pairs"])
        for container in _pod(resource).get("containers", []):
            _name_image(container, plan.get("images", []))
    return resources


def _read(path: Path) -> list[Resource]:
    if path.is_dir():
        return build(path.resolve())
    return [resource for resource in yaml.safe_load_all(path.read_text()) if resource]


def _patch(resources: list[Resource], patch: Resource, target: dict[str, str] | None) -> None:
    kind, name = patch["kind"], patch["metadata"]["name"]
    wanted = target or {"kind": kind, "name": name}
    chosen = [
        resource
        for resource in resources
        if resource["kind"] == wanted["kind"] and wanted.get("name") in (None, resource["metadata"]["name"])
    ]
    if not chosen:
        raise ValueError(f"nothing is there for the patch of {wanted}")
    for resource in chosen:
        merge(resource["spec"], patch["spec"])


def merge(into: dict[str, Any], patch: dict[str, Any]) -> None:
    """Change `into` by a strategic merge patch."""
    for key, value in patch.items():
        there = into.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            merge(there, value)
        elif isinstance(value, list) and isinstance(there, list) and key in KEYS:
            _merge_list(there, value, KEYS[key])
        else:
            into[key] = copy.deepcopy(value)


def _merge_list(into: list[dict[str, Any]], patch: list[dict[str, Any]], key: str) -> None:
    first = []
    for entry in patch:
        there = next((one for one in into if one[key] == entry[key]), {})
        merge(there, entry)
        first.append(there)
    into[:] = [*first, *(one for one in into if all(one is not entry for entry in first))]


def _label(resource: Resource, pairs: dict[str, str]) -> None:
    places = [resource]
    if "template" in resource.get("spec", {}):
        places += [resource["spec"]["template"], *resource["spec"].get("volumeClaimTemplates", [])]
    for place in places:
        place["metadata"].setdefault("labels", {}).update(pairs)


def _pod(resource: Resource) -> dict[str, Any]:
    pod: dict[str, Any] = resource.get("spec", {}).get("template", {}).get("spec", {})
    return pod


def _name_image(container: dict[str, Any], images: list[dict[str, str]]) -> None:
    name = container["image"].rpartition(":")[0] or container["image"]
    for image in images:
        if image["name"] == name:
            container["image"] = f"{image['newName']}:{image['newTag']}"
            return
