"""The OpenAPI document, with what depends on the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastapi import FastAPI

from mdstream.serving.rest.admission import WITHOUT_KEY

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key made by `mdstream config key`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same, in another header"},
}


def install_description(app: FastAPI, windows: Sequence[str], *, needs_key: bool) -> None:
    """Make the OpenAPI document of `app` name the configured windows, and the key where one is needed."""
    app.openapi = _Description(app.openapi, windows, needs_key)  # type: ignore[method-assign]


class _Description:
    def __init__(self, generate: Callable[[], dict[str, Any]], windows: Sequence[str], needs_key: bool) -> None:
        self._generate = generate
        self._windows = windows
        self._needs_key = needs_key
        self._document: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        if self._document is None:
            self._document = self._complete(self._generate())
        return self._document

    def _complete(self, document: dict[str, Any]) -> dict[str, Any]:
        for operation in _operations(document):
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                # A parameter that is left out is just not there.
                kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
                schema |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
                if parameter["name"] == "window":
                    parameter["schema"] = {"type": "string", "enum": list(self._windows)}
                    parameter["example"] = self._windows[0]
        if self._needs_key:
            document["components"]["securitySchemes"] = _SCHEMES
            for path, methods in document["paths"].items():
                if path not in WITHOUT_KEY:
                    for operation in methods.values():
                        operation["security"] = [{name: []} for name in _SCHEMES]
        return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()
