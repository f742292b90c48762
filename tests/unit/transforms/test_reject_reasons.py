"""Every reason for which a Kafka record is not a tick, with its payload kept."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mdstream.schemas.limits import Reason, kind_of
from tests.unit.transforms.records import RECEIVED, RECEIVED_MICROS, SECOND, Outcome, original, outcomes_of, payload

YEAR_1990 = 631_152_000 * SECOND
SKEW = 300 * SECOND
TICK_JSON = payload().decode()


def without(field: str) -> bytes:
    return payload(**{field: None})


REFUSED: list[tuple[bytes | None, str]] = [
    (b"", "not JSON"),
    (None, "not JSON"),
    (b"   ", "not JSON"),
    (b"tick", "not JSON"),
    (b"{", "not JSON"),
    (payload()[:-1], "not JSON"),
    (b"\xef\xbb\xbf" + payload(), "not JSON"),
    (TICK_JSON.replace('"', "'").encode(), "not JSON"),
    (payload() + b" x", "not JSON"),
    (payload() + b"}", "not JSON"),
    (payload() + payload(symbol="MSFT"), "not JSON"),
    (payload() + b"\n" + payload(symbol="MSFT"), "not JSON"),
    (payload(ingest_time=RECEIVED_MICROS, note={"deep": [{}]}) + b"," + payload(symbol="MSFT"), "not JSON"),
    (b'{"a":' * 10_000, "not JSON"),
    (b"[" * 60_000, "not JSON"),
    (b"null", "not a JSON object"),
    (b"1.5", "not a JSON object"),
    (b'"AAPL"', "not a JSON object"),
    (b"[]", "not a JSON object"),
    (b"[" + payload() + b"]", "not a JSON object"),
    (b"[" + payload() + b"," + payload() + b"]", "not a JSON object"),
    (b"\xff\xfe", "not UTF-8"),
    (TICK_JSON.encode("utf-16"), "not UTF-8"),
    (payload(source="@").replace(b"@", b"\xff"), "not UTF-8"),
    (payload(note="x" * 70_000), "payload longer than 65536 bytes"),
    (b"\xff" * 70_000, "payload longer than 65536 bytes"),
    (b"{}", "symbol missing"),
    (without("symbol"), "symbol missing"),
    (without("price"), "price missing"),
    (without("size"), "size missing"),
    (without("event_time"), "event_time missing"),
    (TICK_JSON.replace("}", ', "price": null}').encode(), "price missing"),
    (payload(symbol=""), "symbol malformed: "),
    (payload(symbol="A" * 65), "symbol malformed: " + "A" * 65),
    (payload(symbol="A" * 200), "symbol malformed: " + "A" * 80),
    (payload(symbol=" A"), "symbol malformed:  A"),
    (payload(symbol="A "), "symbol malformed: A "),
    (payload(symbol="*"), "symbol malformed: *"),
    (payload(symbol="A\u202eB"), "symbol malformed: A\u202eB"),
    (payload(symbol="A\ufffd"), "symbol malformed: A\ufffd"),
    (payload(symbol="AAPL\n"), "symbol malformed: AAPL\n"),
    (payload(price="1"), "price not a number: 1"),
    (payload(price=True), "price not a number: true"),
    (payload(price=[1.0]), "price not a number: [1.0]"),
    (payload(size={}), "size not a number: {}"),
    (payload(price=float("nan")), "price not finite: NaN"),
    (payload(price=float("-inf")), "price not finite: -Infinity"),
    (TICK_JSON.replace("190.5", "1e400").encode(), "price not finite: Infinity"),
    (payload(size=float("inf")), "size not finite: Infinity"),
    (payload(price=0), "price not positive: 0.0"),
    (payload(price=-1.5), "price not positive: -1.5"),
    (payload(size=0), "size not positive: 0.0"),
    (payload(size=-100), "size not positive: -100.0"),
    (payload(price=1.5e12), "price above 1e+12: 1.5E12"),
    (payload(size=2e14), "size above 1e+14: 2.0E14"),
    (payload(size=9e-12), "size below 1e-11: 9.0E-12"),
    (payload(price=2e6, size=1e8), "price x size above 1e+14"),
    (payload(conditions="12:[37]"), "conditions malformed: 12:[37]"),
    (payload(conditions="12/37"), "conditions malformed: 12/37"),
    (payload(conditions="{'a': 1}"), "conditions malformed: {'a': 1}"),
    (payload(conditions="12,nan"), "conditions malformed: 12,nan"),
    (payload(conditions="1.5"), "conditions malformed: 1.5"),
    (payload(conditions="1," * 30_000), "conditions malformed: " + "1," * 40),
    (payload(conditions=";;"), "conditions malformed: ;;"),
    (payload(conditions=True), "conditions malformed: true"),
    (payload(event_time=1.5), "event_time not a time: 1.5"),
    (payload(event_time="2026-01-02T14:30:00Z"), "event_time not a time: 2026-01-02T14:30:00Z"),
    (payload(event_time=2**63), "event_time not a time: 9223372036854775808"),
    (payload(ingest_time="now"), "ingest_time not a time: now"),
    (payload(ingest_time=1.7e15), "ingest_time not a time: 1.7E15"),
    (payload(event_time=0), "event_time before 1990-01-01: 0"),
    (payload(event_time=-(2**63)), "event_time before 1990-01-01: -9223372036854775808"),
    (payload(event_time=YEAR_1990 - 1), "event_time before 1990-01-01: 631151999999999"),
    (payload(event_time=RECEIVED_MICROS // 1000), "event_time before 1990-01-01: 1767364200000"),
    (payload(event_time=2**63 - 1), "event_time too far ahead of ingest_time: 9223372036854775807"),
    (payload(event_time=RECEIVED_MICROS + SKEW + 1), "event_time too far ahead of ingest_time: 1767364500000001"),
    (
        payload(event_time=RECEIVED_MICROS - SKEW, ingest_time=RECEIVED_MICROS - 2 * SKEW - 1),
        "event_time too far ahead of ingest_time: 1767363900000000",
    ),
    (payload(ingest_time=YEAR_1990 - 1), "ingest_time before 1990-01-01: 631151999999999"),
    (
        payload(ingest_time=RECEIVED_MICROS + SKEW + 1),
        "ingest_time too far ahead of the time of receipt: 1767364500000001",
    ),
    (payload(ingest_time=2**63 - 1), "ingest_time too far ahead of the time of receipt: 9223372036854775807"),
    (payload(sequence=1.5), "sequence not an integer: 1.5"),
    (payload(sequence="7", ingest_time=RECEIVED_MICROS), "sequence not an integer: 7"),
    (payload(sequence=2**63), "sequence not an integer: 9223372036854775808"),
    (payload(conditions={"@": 1}, ingest_time=RECEIVED_MICROS), 'conditions malformed: {"@":1}'),
    (payload(conditions=["@", None]), "conditions malformed"),
    (payload(conditions=["@", "\n"]), "conditions malformed"),
    (payload(conditions=["@"] * 65), "conditions malformed"),
    (payload(conditions=[""] * 65), "conditions malformed"),
    (payload(conditions=["x" * 129]), "conditions malformed"),
    (payload(exchange="a\x00"), "exchange malformed"),
    (payload(trade_id="x" * 129), "trade_id malformed"),
    (payload(source="\x7f"), "source malformed"),
    # Of several faults the first counts, in the order of the fields.
    (payload(symbol=" ", price=-1, size=0, event_time=0), "symbol malformed:  "),
    (payload(price="x", sequence="y"), "price not a number: x"),
]


@pytest.fixture(scope="module")
def refused(spark: SparkSession) -> list[Outcome]:
    return outcomes_of(spark, [value for value, _ in REFUSED])


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda number: f"{number}-{REFUSED[number][1][:40]}")
def test_what_is_no_tick_is_a_dead_letter_with_the_reason(refused: list[Outcome], number: int) -> None:
    value, reason = REFUSED[number]
    letter = refused[number].letter
    assert letter is not None
    assert letter["reason"] == reason
    assert (letter["source"], letter["received_time"]) == ("tick_data", RECEIVED)
    assert original(letter) == (value or b"")


def test_payloads_that_are_text_stay_readable(refused: list[Outcome]) -> None:
    letters = [outcome.letter for outcome in refused]
    for (value, _), letter in zip(REFUSED, letters, strict=True):
        assert letter is not None
        assert letter["payload"].startswith("base64:") == (b"\xff" in (value or b""))


def test_every_reason_that_spark_can_find_is_shown_here() -> None:
    of_files_and_feeds = {Reason.NOT_CSV, Reason.WRONG_COLUMN_COUNT, Reason.NOT_TEXT}
    of_quotes = {Reason.NEGATIVE, Reason.NEITHER_SIDE}
    of_decoding = {Reason.NOT_OF_SCHEMA, Reason.NO_SCHEMA_ID, Reason.OTHER_SCHEMA, Reason.OTHER_MESSAGE}
    elsewhere = of_files_and_feeds | of_quotes | of_decoding
    kinds = {kind_of(reason) for _, reason in REFUSED}
    # Without ticks.nonpositive_prices such a price is refused for another reason.
    for reason in set(Reason) - elsewhere - {Reason.NOT_A_RECORD, Reason.PRICE_TOO_LOW}:
        fields = ("symbol", "price", "size", "event_time", "ingest_time", "sequence", "conditions")
        assert kinds & {reason.of(field) for field in fields}, reason
