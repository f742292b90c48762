"""What the WebSocket server and its clients say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from docs.reference.markdown import code, prose, table
from mdstream.config import Settings
from mdstream.serving.websocket.channels import DEFAULT_CHANNELS, channels_of
from mdstream.serving.websocket.counters import Refusal
from mdstream.serving.websocket.messages import Auth, Ping, Subscribe, Unsubscribe

_HEAD = """# WebSocket

Messages are JSON in text frames, each with a `type`. [Listen to it](../how-to/websocket.md) has a client to begin
with, and what its connection is closed with; [settings](settings.md#servingwebsocket) has the limits.
[The AsyncAPI document](asyncapi.json) has the same for programs that make clients.

## Channels

A record of a channel comes as `{"type": CHANNEL, "symbol": ..., "sequence": ..., "data": {...}}`, with `"snapshot":
true` where it is the last state. `data` is the value of the topic: [topics and tables](records.md).

"""

ANSWERS: Mapping[str, tuple[str, str]] = {
    "subscribed": (
        "symbols, channels, windows, unknown, server",
        "what was subscribed to; `unknown` are symbols of which nothing came so far, `server` names this start of it",
    ),
    "unsubscribed": ("symbols, left", "what was given up, and the symbols that are left"),
    "resumed": ("replaced", "behind what came after `since`: so many records are there no more"),
    "authenticated": ("name", "whose key it was"),
    "pong": ("", "the server is there"),
    "dropped": ("frames", "so many were replaced by newer ones, because the client was slow"),
    "status": ("kafka, message", "nothing comes while `kafka` is `down`, until it is `up`; the connection stays"),
    "error": ("code, message", "what was found, what was expected and what to do; the connection stays but where said"),
    "health": ("status", "of `/health/live` and `/health/ready`, over HTTP"),
}
"""What the server says besides records: the fields, and what they mean."""

CODES: Mapping[str, str] = {
    "not_text": "a binary message",
    "not_json": "not JSON",
    "not_an_object": "JSON, and no object",
    "unknown_type": "no `type` of those above",
    "invalid_message": "not as its `type` has to be; the message says which field",
    "unknown_window": "a window that is not configured",
    "too_many_subscriptions": "more symbols than a client, or the server, may have; those of before stay",
    "unauthorized": "no key came in time, or nobody's; the connection is closed with 1008",
    "too_many_messages": "faster than `serving.websocket.messages_per_second`; the connection is closed with 1008",
    "not_ready": "over HTTP, of `/health/ready`: Kafka is away, or its topics are still read",
    "not_found": "over HTTP: there is nothing at that path",
    Refusal.HOST.value: "over HTTP, before the handshake: this server is not known by that name",
    Refusal.ORIGIN.value: "likewise: web pages of this origin may not connect",
    Refusal.KEY.value: "likewise: a key that is nobody's, or none where one is needed",
    Refusal.CONNECTIONS.value: "likewise: too many clients",
}
"""What an error may be called, and what it means."""


OF_CLIENTS: tuple[type[BaseModel], ...] = (Subscribe, Unsubscribe, Ping, Auth)
"""What a client may say."""


def page() -> str:
    """Return the page."""
    channels = [
        (
            code(each.name),
            code(each.topic),
            "yes" if each.windowed else "no",
            "yes" if each.name in DEFAULT_CHANNELS else "no",
            ", ".join(map(code, each.key_columns)),
        )
        for each in channels_of(Settings.model_construct())
    ]
    told = [
        (code(kind), ", ".join(map(code, filter(None, fields.split(", ")))), meaning)
        for kind, (fields, meaning) in ANSWERS.items()
    ]
    codes = [(code(name), meaning) for name, meaning in CODES.items()]
    return "\n".join(
        [
            _HEAD + table(["channel", "topic", "by window", "without being asked for", "told apart by"], channels),
            "## What a client says\n",
            *(_message(model) for model in OF_CLIENTS),
            "## What the server says\n",
            table(["type", "fields", "meaning"], told),
            "## Errors\n",
            table(["code", "meaning"], codes),
        ]
    )


def _message(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    rows = [
        (code(name), _kind(field), "" if name in required else "may be left out")
        for name, field in schema["properties"].items()
    ]
    about, _, attributes = (model.__doc__ or "").partition("Attributes:")
    notes = "".join(
        f"- `{name.strip()}`: {prose(meaning.strip())}\n"
        for name, _, meaning in map(_noted, attributes.split("\n"))
        if meaning
    )
    return f"### {model.__name__.lower()}\n\n{prose(about.strip())}\n\n{table(['field', 'type', ''], rows)}\n{notes}"


def _noted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _kind(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return code(f'"{schema["const"]}"')
    if "anyOf" in schema:
        return " or ".join(_kind(kind) for kind in schema["anyOf"] if kind.get("type") != "null")
    if "enum" in schema:
        return " or ".join(map(code, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object":
        return f"mapping of a symbol to {_kind(schema['additionalProperties'])}"
    return {"string": "text"}.get(schema["type"], str(schema["type"]))
