"""Every endpoint of the REST API, from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.reference.markdown import code, prose, table
from mdstream.config import Settings
from mdstream.serving.rest.app import create_app

_HEAD = """# REST

[The OpenAPI document](openapi.json) is what this page is made of; a running server has it at `/openapi.json`, with
the windows that it is configured for, and `/docs` to try. [Ask for it](../how-to/rest.md) says how to page, which
forms answers come in, and what a key is sent as.
"""
_SUCCESS = "200"


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the API as it is configured by default."""
    return create_app(Settings.model_construct()).openapi()


def openapi() -> str:
    """Return it as a file."""
    return json.dumps(document(), indent=1, ensure_ascii=False)


def page() -> str:
    """Return the page."""
    described = document()
    bodies = described["components"]["schemas"]
    endpoints = "\n".join(
        _endpoint(path, method, operation, bodies)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    )
    answers = "\n".join(_body(name, schema) for name, schema in bodies.items() if "properties" in schema)
    return f"{_HEAD}\n{endpoints}\n## Refusals\n\n{_ABOUT_REFUSALS}\n{_refusals(described)}\n## Bodies\n\n{answers}"


_ABOUT_REFUSALS = """Every answer that is not a success, but 304, has the body `{"error": {"code", "message", ...}}`:
`message` says what was found, what was expected and what to do, `field` which parameter has to change, `known` what
would be accepted, and `servers` which server behind the API is away.
"""


def _endpoint(path: str, method: str, operation: Mapping[str, Any], bodies: Mapping[str, Any]) -> str:
    parts = [f"## `{method.upper()} {path}`", prose(operation.get("description") or operation.get("summary", ""))]
    rows = [
        (
            code(parameter["name"]),
            f"{_kind(parameter['schema'], bodies)}{', required' if parameter.get('required') else ''}",
            code(_default(parameter["schema"])),
            prose(parameter.get("description", "")),
        )
        for parameter in operation.get("parameters", ())
    ]
    if rows:
        parts.append(table(["parameter", "type", "default", "meaning"], rows))
    answers = operation["responses"]
    others = sorted(status for status in answers if status != _SUCCESS)
    parts.append(f"Answers {code(_SUCCESS)}{_named(answers[_SUCCESS])}. Else {', '.join(map(code, others))}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _named(answer: Mapping[str, Any]) -> str:
    """Return which body an answer has, if it has one."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f" with a body [{name}](#{name.lower()})" if name else ""


def _body(name: str, schema: Mapping[str, Any]) -> str:
    rows = [
        (code(field), _kind(kind, {}), prose(kind.get("description", "")))
        for field, kind in schema["properties"].items()
    ]
    return f"### {name}\n\n{prose(schema.get('description', ''))}\n\n{table(['field', 'type', 'meaning'], rows)}"


def _refusals(described: Mapping[str, Any]) -> str:
    meanings = {
        status: str(answer["description"])
        for methods in described["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status != _SUCCESS
    }
    return table(["status", "meaning"], [(code(status), prose(meanings[status])) for status in sorted(meanings)])


def _kind(schema: Mapping[str, Any], bodies: Mapping[str, Any]) -> str:
    """Return in words what a JSON schema allows; of a body that is not given, its name."""
    if reference := str(schema.get("$ref", "")).rpartition("/")[2]:
        return _kind(bodies[reference], bodies) if reference in bodies else f"[{reference}](#{reference.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(kind, bodies) for kind in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(code(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'], bodies)}"
    words = {"string": "text", "boolean": "true or false", "object": "mapping"}
    kind = (
        "time" if schema.get("format") == "date-time" else words.get(schema.get("type", ""), schema.get("type", "any"))
    )
    return " ".join([kind, *_bounds(schema)])


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    signs = {"minimum": "≥", "maximum": "≤"}
    yield from (f"{sign} {schema[name]}" for name, sign in signs.items() if name in schema)


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    return "" if value is None else str(value)
