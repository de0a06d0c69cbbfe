"""What the OpenAPI document says of bodies that FastAPI does not see: schemas of structs, and errors."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

_REFERENCE: Final = "#/components/schemas/"

Responses = dict[int | str, dict[str, Any]]


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a type that msgspec encodes, with nothing referred to outside of it."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template=_REFERENCE + "{name}")
    resolved: dict[str, Any] = _resolve(schema, components)
    return resolved


def _resolve(part: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolve(each, components) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolve(components[part["$ref"].removeprefix(_REFERENCE)], components)
    return {name: _resolve(value, components) for name, value in part.items()}


def answer(kind: Any, example: object, text: str = "Successful response") -> Responses:
    """Return what a route says of its good answer.

    Args:
        kind: the type that is encoded.
        example: one such answer, a struct or what it is encoded as.
        text: what it is.
    """
    return {
        200: {
            "description": text,
            "content": {
                "application/json": {"schema": schema_of(kind), "example": msgspec.to_builtins(example)}
            },
        }
    }


def errors(reasons: Mapping[int, str]) -> Responses:
    """Return what a route says of its errors: status → when; each has the body `{"detail": "one line"}`."""
    return {
        status: {
            "description": reason,
            "content": {
                "application/json": {
                    "schema": _PROBLEM,
                    "example": {"detail": f"{reason[0].lower()}{reason[1:]}"},
                }
            },
        }
        for status, reason in reasons.items()
    }


_PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "properties": {"detail": {"type": "string", "title": "One line: what is wrong and what to do"}},
    "required": ["detail"],
}
