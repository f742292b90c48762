"""Files of vendors as they come; the lines are made up in the vendors' documented forms."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mdstream.cli.tick_files import file_form
from mdstream.errors import InvalidInputError
from mdstream.feeds.files import read_ticks
from mdstream.feeds.form import FileForm
from mdstream.feeds.layouts import LAYOUTS
from mdstream.schemas.units import Unit


def plain(path: Path, text: str) -> None:
    path.write_text(text)


def zipped(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.with_suffix(".csv").name, text)


def gzipped(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode()))


def zstandard(path: Path, text: str) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(text.encode())


MASSIVE = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,"
    "trf_id,trf_timestamp\n"
    'AAPL,"12,37",0,11,52983,1715002200000123456,182.5,1734,1715002200000789123,100,3,0,0\n'
    "BRK.B,,8,4,7,1715002200000000000,400.25,1735,1715002200001000000,5,1,202,1715002200000000000\n"
)
DATABENTO = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence"
WHEN = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)

CASES: list[tuple[str, str, Callable[[Path, str], None], str, list[dict[str, Any]]]] = [
    ("massive", "2024-05-06.csv.gz", gzipped, MASSIVE, [
        {"symbol": "AAPL", "price": 182.5, "size": 100.0, "event_time": WHEN, "conditions": ["12", "37"],
         "exchange": "11", "trade_id": "52983", "sequence": 1734, "source": "massive"},
        {"symbol": "BRK.B", "event_time": WHEN.replace(microsecond=1000), "conditions": ["correction:8", "cancel"]}]),
    ("binance", "BTCUSDT-trades-2024-05-06.zip", zipped,
     "3578,63118.01,0.00086,54.28,1715002200000,True,True\n", [
        {"symbol": "BTCUSDT", "price": 63118.01, "size": 0.00086, "event_time": WHEN, "trade_id": "3578",
         "sequence": 3578}]),
    ("binance", "BTCUSDT-trades-2025-05-06.zip", zipped,
     "3578,94118.01,0.00086,54.28,1746538200000123,True,True\n", [
        {"event_time": datetime(2025, 5, 6, 13, 30, 0, 123, tzinfo=UTC)}]),
    ("binance", "BTCUSDT-trades-2024-05.csv", plain,
     "id,price,qty,quote_qty,time,is_buyer_maker\n4970,63118.1,0.005,315.5,1715002200000,true\n", [
        {"symbol": "BTCUSDT", "size": 0.005, "event_time": WHEN, "sequence": 4970}]),
    ("binance", "1000SHIBUSDT-aggTrades-2024-05-06.zip", zipped,
     "900,0.0227,12.0,1,3,1715002200000,False\n", [
        {"symbol": "1000SHIBUSDT", "price": 0.0227, "size": 12.0, "event_time": WHEN, "trade_id": "900"}]),
    ("binance", "PEPEUSDT-aggTrades-2024-05-06.zip", zipped,
     "900,0.0227,12.0,1,3,1715002200000,False,True\n", [{"symbol": "PEPEUSDT", "event_time": WHEN}]),
    ("kraken", "XBTUSD.csv", plain, "1715002200,63110.1,0.15859270\n1715002200.25,63110.2,1e-8\n", [
        {"symbol": "XBTUSD", "price": 63110.1, "size": 0.1585927, "event_time": WHEN, "source": "kraken"},
        {"size": 1e-8, "event_time": WHEN.replace(microsecond=250_000)}]),
    # Bars of a minute in New York's time, the newest first; one in which nothing was traded.
    ("alphavantage", "intraday_1min_IBM.csv", plain,
     "timestamp,open,high,low,close,volume\n2024-05-06 09:31:00,1,1,1,1,0\n2024-05-06 09:29:00,1,3,1,2.5,70\n", [
        {"symbol": "IBM", "price": 2.5, "size": 70.0, "conditions": ["bar"],
         "event_time": datetime(2024, 5, 6, 13, 29, 59, 999_999, tzinfo=UTC)}]),
    ("alphavantage", "intraday_5min_IBM.csv", plain,
     "timestamp,open,high,low,close,volume\n2024-05-06 09:25:00,1,3,1,2.5,70\n", [
        {"symbol": "IBM", "event_time": datetime(2024, 5, 6, 13, 29, 59, 999_999, tzinfo=UTC)}]),
    # Prices in billionths; an order is passed over, and a price that there is not refused (below).
    ("databento", "xnas-itch-20240506.trades.csv.zst", zstandard,
     (f"{DATABENTO},symbol\n"
     "1715002200000200000,1715002200000123456,0,2,15144,T,A,0,182500000000,3,130,1,7001,AAPL\n"
     "1715002200000200000,1715002200000123456,160,2,15144,A,B,0,182500000000,3,130,1,7002,AAPL\n"), [
        {"symbol": "AAPL", "price": 182.5, "size": 3.0, "event_time": WHEN.replace(microsecond=123), "sequence": 7001,
         "exchange": "2"}]),
    ("databento", "xnas-itch-20240506.trades.SPY.csv", plain,
     (f"{DATABENTO}\n2024-05-06T13:30:00.2Z,2024-05-06T13:30:00.000123456Z,0,2,15144,T,A,0,-5.250000000,3,130,1,7001\n"
     "2024-05-06T13:30:00.2Z,2024-05-06T13:30:00.000123456Z,0,2,15144,T,A,0,5.250000000,3,130,1,7001\n"), [
        {"symbol": "SPY", "price": 5.25, "event_time": WHEN.replace(microsecond=123)}]),
    ("lobster", "AAPL_2012-06-21_34200000_57600000_message_10.csv", plain,
     ("34200.017459617,5,0,1,5853300,-1\n34200.18960767,1,11885113,21,5853300,1\n34200.19,4,11885113,20,5853300,1\n"
     "34201.0,7,0,0,-1,-1\n"), [
        {"symbol": "AAPL", "price": 585.33, "size": 1.0,
         "event_time": datetime(2012, 6, 21, 13, 30, 0, 17_460, tzinfo=UTC)},
        {"size": 20.0}]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "write", "text", "expected"), CASES, ids=[case[1] for case in CASES])
def test_a_vendors_file_is_read_as_it_comes(
    tmp_path: Path,
    name: str,
    file: str,
    write: Callable[[Path, str], None],
    text: str,
    expected: list[dict[str, Any]],
) -> None:
    write(tmp_path / file, text)
    ticks = [tick for batch in read_ticks(tmp_path / file, form=FileForm(name)) for tick in batch.ticks.to_pylist()]
    assert [{field: tick[field] for field in row} for tick, row in zip(ticks, expected, strict=True)] == expected


def test_every_format_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(LAYOUTS)


def test_what_is_no_trade_is_passed_over_and_counted(tmp_path: Path) -> None:
    for name, file, write, text, expected in CASES:
        folder = tmp_path / f"{name}-{file}"
        folder.mkdir()
        write(folder / file, text)
        batches = list(read_ticks(folder, form=FileForm(name)))
        rows = len(text.splitlines()) - (not text[0].isdigit())
        rejects = sum(len(batch.rejects) for batch in batches)
        assert sum(batch.passed_over for batch in batches) == rows - len(expected) - rejects
        assert rejects == (1 if "-5.25" in text else 0)


def test_files_of_a_folder_each_have_the_symbol_of_their_name(tmp_path: Path) -> None:
    for symbol in ("XBTUSD", "ETHUSD"):
        (tmp_path / f"{symbol}.csv").write_text("1715002200,1.5,1\n")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("more/ADAEUR.csv", "1715002200,0.5,1\n")
        archive.writestr("more/readme.txt", "not ticks")
        archive.writestr("__MACOSX/._ADAEUR.csv", "junk")
    symbols = [batch.ticks["symbol"].to_pylist() for batch in read_ticks(tmp_path, form=FileForm("kraken"))]
    assert symbols == [["ETHUSD"], ["XBTUSD"], ["ADAEUR"]]


def test_columns_unit_and_symbol_of_any_file_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("ts,last,vol,cond\n1715002200000,1.5,2,@\n")
    form = file_form(
        unit=Unit.MILLISECONDS, symbol="^GSPC", columns="ts=event_time,last=price,vol=size,cond=conditions"
    )
    [batch] = read_ticks(path, form=form)
    [tick] = batch.ticks.to_pylist()
    assert [tick[name] for name in ("symbol", "price", "size", "event_time", "conditions")] == [
        "^GSPC", 1.5, 2.0, WHEN, ["@"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "said"),
    [("ticker", "expected pairs"), ("=symbol", "expected pairs"), ("ticker=symbl", "did you mean 'symbol'")],
)
def test_columns_that_are_none_are_refused(columns: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        file_form(columns=columns)


def test_an_unknown_file_is_told_its_columns_the_nearest_format_and_what_to_say(tmp_path: Path) -> None:
    (tmp_path / "flat.csv").write_text(MASSIVE)
    with pytest.raises(InvalidInputError, match="--format massive") as raised:
        list(read_ticks(tmp_path / "flat.csv"))
    said = str(raised.value)
    assert "found: ticker, conditions, correction" in said
    assert "--columns ticker=symbol,THEIRS=event_time" in said
    assert "--symbol AAPL" in said
    (tmp_path / "semicolons.csv").write_text("symbol;price;size;event_time\n")
    with pytest.raises(InvalidInputError, match="Its columns are divided by ';'; expected commas"):
        list(read_ticks(tmp_path / "semicolons.csv"))
    (tmp_path / "BTCUSDT-1m-2024-05.csv").write_text("1714521600000,1,1,1,1,1,1714521659999,1,1,1,1,0\n")
    with pytest.raises(InvalidInputError, match="12 columns; expected files of binance with 7: id, price, qty"):
        list(read_ticks(tmp_path / "BTCUSDT-1m-2024-05.csv", form=FileForm("binance", symbol="BTCUSDT")))


@pytest.mark.parametrize(("file", "said"), [("t.csv.zst", "not whole Zstandard data"), ("t.zip", "not whole zip data")])
def test_damaged_archives_are_said(tmp_path: Path, file: str, said: str) -> None:
    text = "symbol,price,size,event_time\n" + "AAPL,1.5,100,2024-05-06T13:30:00Z\n" * 99
    (zstandard if file.endswith("zst") else zipped)(tmp_path / file, text)
    content = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidInputError, match=said):
        list(read_ticks(tmp_path / file))
    (tmp_path / file).write_bytes(b"junk" * 9)
    with pytest.raises(InvalidInputError, match=said):
        list(read_ticks(tmp_path / file))
