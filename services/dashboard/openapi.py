"""What the OpenAPI document says that FastAPI does not see: structs, errors, login, and what it is about."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from services.dashboard.gate import OPEN_PAGES

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


def first_problem(found: Sequence[Any]) -> str:
    """Return the first of pydantic's errors in one line, without what was sent: it may hold a password."""
    first = found[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


_PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "properties": {"detail": {"type": "string", "title": "One line: what is wrong and what to do"}},
    "required": ["detail"],
}

DESCRIPTION: Final = (
    'Emotions on faces that cameras see, live. Errors are one line: `{"detail": "…"}`. Where tokens are '
    "configured, send one with each request; a viewer reads, an admin changes things, too."
)
TAGS: Final = [
    {"name": "cameras", "description": "Which cameras there are, and what they show now."},
    {"name": "results", "description": "What was recorded: frame by frame, over time, as files."},
    {"name": "analyze", "description": "Emotions in pictures that are sent."},
    {"name": "webhooks", "description": "Messages to others when something begins and ends."},
    {"name": "settings", "description": "What holds for the running stack."},
    {"name": "system", "description": "How the stack does."},
    {"name": "access", "description": "Login, and who changed what."},
]
_USUAL: Final = {
    401: "Log in first, or send a token",
    403: "This needs the admin role",
    422: "A parameter or a field is wrong; its name is said first",
    503: "Redis does not answer",
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add to FastAPI's document, in place, what holds for every route: login, and errors as they look."""
    document["components"].setdefault("securitySchemes", {})["token"] = {"type": "http", "scheme": "bearer"}
    for path, methods in document["paths"].items():
        for route in methods.values() if path not in OPEN_PAGES else ():
            route["security"] = [{"token": []}]
            responses = route["responses"]
            for status, described in errors(_USUAL).items():
                own = responses.get(str(status), {})
                if own.get("description") in (None, "Validation Error") and (own or status != 422):
                    responses[str(status)] = described
    return document
