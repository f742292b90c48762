"""The AsyncAPI document of the WebSocket server, made from the declarations of messages and records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

import mdstream
from docs.reference.websocket import ANSWERS, CODES, OF_CLIENTS
from mdstream.config import Settings
from mdstream.schemas import Record
from mdstream.schemas.records import TIME
from mdstream.serving.websocket.channels import channels_of

_TEXTS = {"type": "array", "items": {"type": "string"}}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("symbols", "channels", "windows", "unknown", "left"), _TEXTS),
    **dict.fromkeys(("server", "name", "message"), _TEXT),
    **dict.fromkeys(("replaced", "frames"), _COUNT),
    "kafka": {"type": "string", "enum": ["down", "up"]},
    "code": {"type": "string", "enum": [*CODES]},
}
"""What fields of the server's messages may be."""

_OVER_HTTP = {"health"}
_KINDS: Mapping[pa.DataType, Mapping[str, Any]] = {
    pa.string(): {"type": "string"},
    pa.float64(): {"type": "number"},
    pa.int64(): {"type": "integer"},
    pa.int32(): {"type": "integer"},
    pa.bool_(): {"type": "boolean"},
    pa.list_(pa.string()): _TEXTS,
    TIME: {"type": "integer"},
}


def document(settings: Settings | None = None) -> dict[str, Any]:
    """Return the AsyncAPI document of the server as it is configured by default, or by these settings."""
    configured = settings or Settings.model_construct()
    of_clients = {model.__name__.lower(): _of_client(model) for model in OF_CLIENTS}
    of_records = {name: _of_record(name, record) for name, record in _records(configured).items()}
    told = {kind: _answer(kind, *about) for kind, about in ANSWERS.items() if kind not in _OVER_HTTP}
    messages = of_clients | of_records | told
    address = f"{configured.serving.host}:{configured.serving.websocket_port}"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "mdstream WebSocket server",
            "version": mdstream.__version__,
            "description": "Ticks, bars, indicators, anomalies and forecasts of symbols that a client subscribes to.",
        },
        "defaultContentType": "application/json",
        "servers": {"default": {"host": address, "protocol": "ws", "security": [_reference("securitySchemes", "key")]}},
        "channels": {"all": {"address": "/", "messages": {name: _reference("messages", name) for name in messages}}},
        "operations": {
            "clientSays": _operation("receive", "What a client may say.", of_clients),
            "serverSays": _operation("send", "Records, and what the server answers.", of_records | told),
        },
        "components": {
            "messages": messages,
            "securitySchemes": {"key": {"type": "httpApiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def text() -> str:
    """Return it as a file."""
    return json.dumps(document(), indent=1, ensure_ascii=False)


def _records(settings: Settings) -> dict[str, Record]:
    declared = {record.topic_name: record for record in settings.topic_records}
    return {channel.name: declared[channel.topic] for channel in channels_of(settings)}


def _operation(action: str, summary: str, messages: Mapping[str, Any]) -> dict[str, Any]:
    names = [{"$ref": f"#/channels/all/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": "#/channels/all"}, "summary": summary, "messages": names}


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _of_client(model: type[BaseModel]) -> dict[str, Any]:
    about = " ".join((model.__doc__ or "").partition("Attributes:")[0].split())
    schema = model.model_json_schema()
    return {"name": model.__name__.lower(), "summary": about, "payload": {**schema, "description": about}}


def _of_record(name: str, record: Record) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["type", "symbol", "sequence", "data"],
        "properties": {
            "type": {"const": name},
            "symbol": {"type": "string"},
            "sequence": {**_COUNT, "description": "counts for each symbol, channel and window"},
            "snapshot": {"const": True, "description": "this is the last state, from before the subscription"},
            "data": _schema_of(record),
        },
    }
    return {"name": name, "summary": f"A record of the topic {record.topic_name}.", "payload": schema}


def _schema_of(record: Record) -> dict[str, Any]:
    """Return what a record is on the wire: times are epoch microseconds, and what is null may be left out."""
    return {
        "type": "object",
        "required": [field.name for field in record.schema if not field.nullable],
        "properties": {field.name: _field(field) for field in record.schema},
    }


def _field(field: pa.Field) -> dict[str, Any]:
    kind: dict[str, Any] = dict(_KINDS[field.type])
    about = (field.metadata or {}).get(b"comment", b"").decode()
    unit = "; epoch microseconds, UTC" if field.type == TIME else ""
    null = {"type": [kind["type"], "null"]} if field.nullable else {}
    return {**kind, **null, "description": about + unit}


def _answer(kind: str, fields: str, meaning: str) -> dict[str, Any]:
    names = [name for name in fields.split(", ") if name]
    properties = {"type": {"const": kind}} | {name: dict(FIELDS[name]) for name in names}
    payload = {"type": "object", "required": ["type", *names], "properties": properties, "description": meaning}
    return {"name": kind, "summary": meaning, "payload": payload}
