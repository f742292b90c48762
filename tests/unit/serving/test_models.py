"""The models and the OpenAPI document say what the records declare."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from mdstream.config import Settings
from mdstream.schemas import ANOMALY, BAR, PREDICTION, STORED_QUOTE, STORED_TICK, TICK, Record
from mdstream.serving.rest.models import model_of
from mdstream.stores.timescaledb.movers import MOVER

NUMBER, INTEGER, TEXT, YES = {"type": "number"}, {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
TIME = {"type": "string", "format": "date-time"}
TEXTS = {"type": "array", "items": TEXT}

TICK_FIELDS = {
    "symbol": TEXT,
    "price": NUMBER,
    "size": NUMBER,
    "event_time": TIME,
    "ingest_time": (TIME, None),
    "source": (TEXT, None),
    "exchange": (TEXT, None),
    "trade_id": (TEXT, None),
    "sequence": (INTEGER, None),
    "conditions": (TEXTS, None),
}
PLACE = {"symbol": TEXT, "window": TEXT, "window_start": TIME}
EXPECTED = {
    "Tick": (TICK, TICK_FIELDS),
    "StoredTick": (STORED_TICK, TICK_FIELDS | {"kafka_partition": INTEGER, "kafka_offset": INTEGER}),
    "StoredQuote": (
        STORED_QUOTE,
        {"symbol": TEXT, "event_time": TIME}
        | dict.fromkeys(("bid", "ask", "bid_size", "ask_size"), (NUMBER, None))
        | {"exchange": (TEXT, None), "sequence": (INTEGER, None), "ingest_time": (TIME, None), "source": (TEXT, None)}
        | {"kafka_partition": INTEGER, "kafka_offset": INTEGER},
    ),
    "Mover": (
        MOVER,
        PLACE
        | {"window_end": TIME, "close": NUMBER, "volume": NUMBER, "trade_count": INTEGER}
        | {"close_before": NUMBER, "simple_return": NUMBER, "mover_rank": INTEGER},
    ),
    "Bar": (
        BAR,
        {
            "symbol": TEXT,
            "window": TEXT,
            "window_start": TIME,
            "window_end": TIME,
            "open": NUMBER,
            "high": NUMBER,
            "low": NUMBER,
            "close": NUMBER,
            "volume": NUMBER,
            "vwap": (NUMBER, None),
            "trade_count": INTEGER,
            "last_event_time": TIME,
            "last_ingest_time": (TIME, None),
        },
    ),
    "Indicators": (
        Settings().indicator_record,
        PLACE
        | {"trade_count": INTEGER, "last_event_time": (TIME, None)}
        | dict.fromkeys(("sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "rsi_14"), (NUMBER, None))
        | dict.fromkeys(("macd", "macd_signal", "macd_hist", "bb_upper", "bb_middle", "bb_lower"), (NUMBER, None)),
    ),
    "Anomaly": (
        ANOMALY,
        PLACE
        | {
            "rule": TEXT,
            "severity": TEXT,
            "value": (NUMBER, None),
            "threshold": (NUMBER, None),
            "message": TEXT,
            "detected_time": TIME,
            "trade_count": INTEGER,
            "last_event_time": (TIME, None),
            "withdrawn": ({"type": "boolean"}, None),
        },
    ),
    "Prediction": (
        PREDICTION,
        {
            "symbol": TEXT,
            "horizon_minutes": INTEGER,
            "made_at": TIME,
            "target_time": TIME,
            "last_price": NUMBER,
            "predicted_price": NUMBER,
            "lower": (NUMBER, None),
            "upper": (NUMBER, None),
            "naive_price": NUMBER,
            "model_version": TEXT,
            "beats_naive": YES,
            "relative_mae": (NUMBER, None),
        },
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_model_has_the_records_fields(app: FastAPI, name: str) -> None:
    record, expected = EXPECTED[name]
    model = app.openapi()["components"]["schemas"][name]

    assert {field: _kind_of(shape) for field, shape in model["properties"].items()} == expected
    # A field without a value is null, not absent.
    assert model["required"] == list(expected)
    for field, shape in model["properties"].items():
        assert shape["description"] == _comment(record, field)


def _kind_of(shape: dict[str, Any]) -> object:
    if "anyOf" in shape:
        kind, nothing = shape["anyOf"]
        assert nothing == {"type": "null"}
        return (kind, None)
    return {key: value for key, value in shape.items() if key not in {"title", "description", "examples"}}


def test_the_example_of_a_model_is_one(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    shown = {name: shape["examples"] for name, shape in schemas.items() if "examples" in shape}

    assert set(shown) == {*EXPECTED, "Symbols"}
    models = {name: model_of(name, record) for name, (record, _) in EXPECTED.items()}
    for name, model in models.items():
        for example in shown[name]:
            assert model.model_validate(example).model_dump(mode="json") == example


def _comment(record: Record, field: str) -> str:
    comment: bytes = record.schema.field(field).metadata[b"comment"]
    return comment.decode()


def test_every_error_is_described_by_one_body(app: FastAPI) -> None:
    described = {
        (path, status): answer["content"]["application/json"]["schema"]["$ref"]
        for path, methods in app.openapi()["paths"].items()
        for status, answer in methods["get"]["responses"].items()
        if status not in {"200", "304"}
    }

    assert set(described.values()) == {"#/components/schemas/ErrorBody"}
    assert ("/api/v1/latest/{symbol}", "404") in described
    assert ("/api/v1/ticks/{symbol}", "422") in described
    assert ("/health/ready", "503") in described


def test_every_parameter_is_explained(app: FastAPI) -> None:
    parameters = [
        parameter for methods in app.openapi()["paths"].values() for parameter in methods["get"].get("parameters", [])
    ]

    assert {parameter["name"] for parameter in parameters} == {
        "symbol", "limit", "start", "end", "order", "cursor", "format", "window", "rule", "min_severity",
        "horizon_minutes", "at", "max_age_seconds",
    }  # fmt: skip
    assert all(parameter["description"] for parameter in parameters)
