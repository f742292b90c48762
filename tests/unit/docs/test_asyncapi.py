"""The AsyncAPI document is one, by AsyncAPI's own schema, and the messages that pass are as it says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from docs.reference.asyncapi import FIELDS, document
from docs.reference.websocket import ANSWERS
from mdstream.config import Settings
from mdstream.schemas import BAR, TICK
from mdstream.serving.websocket.channels import channels_of
from mdstream.serving.websocket.messages import TYPES, encode, encode_error
from tests.wrong_records import good

SCHEMA = Path(__file__).parent / "asyncapi" / "3.0.0.json.gz"
DOCUMENT = document()


def payload_of(message: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["messages"][message]["payload"]
    return found


def is_valid(message: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft7Validator(payload_of(message["type"])).is_valid(message))


def test_it_is_valid_by_the_schema_of_asyncapi() -> None:
    validator = jsonschema.Draft7Validator(json.loads(gzip.decompress(SCHEMA.read_bytes())))
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    wrong_one = DOCUMENT | {"operations": {"odd": {"action": "shout"}}}
    assert not validator.is_valid(wrong_one)


def test_references_lead_somewhere() -> None:
    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    found = references(DOCUMENT)
    assert found
    for reference in found:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_message_is_there() -> None:
    names = set(DOCUMENT["components"]["messages"])
    records = {channel.name for channel in channels_of(Settings())}
    assert names == {*TYPES, *records, *ANSWERS} - {"health"}
    assert {name for fields, _ in ANSWERS.values() for name in fields.split(", ") if name} - FIELDS.keys() == {"status"}
    said = {part["$ref"].rpartition("/")[2] for part in DOCUMENT["operations"]["clientSays"]["messages"]}
    assert said == set(TYPES)


@pytest.mark.parametrize(
    ("message", "valid"),
    [
        ({"type": "subscribe", "symbols": ["AAPL"], "channels": ["bar"], "since": {"AAPL": 3}}, True),
        ({"type": "subscribe", "symbols": []}, False),
        ({"type": "subscribe", "symbols": ["AAPL"], "channels": ["trade"]}, False),
        ({"type": "ping"}, True),
        ({"type": "auth"}, False),
        (json.loads(encode_error("not_json", "not JSON")), True),
        (json.loads(encode_error("odd", "of no such name")), False),
        (json.loads(encode("status", kafka="down", message="gone")), True),
        (json.loads(encode("dropped", frames=-1)), False),
        ({"type": "tick", "symbol": "AAPL", "sequence": 1, "data": good(TICK)}, True),
        ({"type": "bar", "symbol": "AAPL", "sequence": 1, "snapshot": True, "data": good(BAR)}, True),
        ({"type": "bar", "symbol": "AAPL", "sequence": 1, "data": good(BAR) | {"close": "1"}}, False),
    ],
)
def test_messages_are_as_it_says(message: dict[str, Any], *, valid: bool) -> None:
    assert is_valid(message) is valid
