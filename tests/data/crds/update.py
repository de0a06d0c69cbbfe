"""Write strict schemas of the custom resources in deploy/kubernetes, from packages that ship their models.

Run by itself, because cloudcoil brings a pytest plugin that wants more than is installed with it:
uv run --no-project --with cloudcoil-models-keda==2.16.1.0,cloudcoil-models-prometheus-operator==0.80.1.0 \
    python tests/data/crds/update.py
"""

import json
from pathlib import Path
from typing import Any

from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor


def strict(node: Any) -> Any:
    """Return a schema that refuses unknown properties, without descriptions."""
    if isinstance(node, list):
        return [strict(child) for child in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: strict(value) for key, value in node.items() if key not in ("title", "description", "default")
    }
    properties = node.get("properties")
    if isinstance(properties, dict):
        kept["properties"] = {key: strict(value) for key, value in properties.items()}
        kept["additionalProperties"] = False
    return kept


def only_used(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out definitions that nothing refers to."""
    text = json.dumps({key: value for key, value in schema.items() if key != "$defs"})
    used: set[str] = set()
    while more := {name for name in schema["$defs"] if f'"#/$defs/{name}"' in text} - used:
        used |= more
        text = json.dumps([schema["$defs"][name] for name in used])
    return {**schema, "$defs": {name: schema["$defs"][name] for name in sorted(used)}}


for model in (ScaledObject, ServiceMonitor):
    schema = strict(model.model_json_schema(by_alias=True, mode="validation"))
    schema["properties"].pop("status", None)
    path = Path(__file__).parent / f"{model.__name__}.json"
    path.write_text(json.dumps(only_used(schema), indent=1) + "\n")
