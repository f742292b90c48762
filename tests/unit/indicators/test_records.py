"""The record that holds indicators, and the settings that say which."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mdstream.config import Settings, load_settings
from mdstream.errors import ConfigError
from mdstream.indicators import indicator_levels, indicator_record, parse_indicators
from mdstream.schemas import BAR
from tests.unit.indicators.series import SEED_SET


def test_the_record_is_the_bars_key_its_revision_and_a_column_an_indicator() -> None:
    record = indicator_record(parse_indicators({"rsi": {"period": 14, "overbought": 70}, "macd": {}}))
    assert record.schema.names == [
        *BAR.key, "trade_count", "last_event_time", "rsi_14", "macd", "macd_signal", "macd_hist",
    ]  # fmt: skip
    assert (record.topic, record.table) == ("technical_indicators", "technical_indicators")
    assert (record.key, record.time_column, record.revision_column) == (BAR.key, "window_start", "trade_count")
    assert [field.nullable for field in record.schema] == [False] * 4 + [True] * 5
    assert {field.type for field in record.schema} - {pa.float64()} == {
        BAR.schema.field(n).type for n in record.key
    } | {pa.int64()}
    comments = [field.metadata[b"comment"].decode() for field in record.schema]
    assert comments[3] == "revision of the bar these are of"
    assert comments[5] == "RSI(close, timeperiod=14); null while warming up"


def test_without_indicators_there_is_still_a_record() -> None:
    assert indicator_record(()).schema.names == [*BAR.key, "trade_count", "last_event_time"]


@pytest.fixture
def without_files(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.delenv("MDSTREAM_CONFIG", raising=False)


@pytest.mark.usefixtures("without_files")
def test_nothing_configured_is_the_seed_set() -> None:
    settings = load_settings()
    plain = [(i.function, i.parameters, i.columns) for i in settings.indicators]
    assert plain == [(i.function, i.parameters, i.columns) for i in parse_indicators(SEED_SET)]
    assert indicator_levels(settings.indicators) == {"rsi_14_overbought": 70.0, "rsi_14_oversold": 30.0}
    assert settings.indicator_record == indicator_record(settings.indicators)
    assert settings.history_bars == 600
    assert Settings().technical_indicators == settings.technical_indicators


@pytest.mark.usefixtures("without_files")
def test_a_variable_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_TECHNICAL_INDICATORS", '{"obv": null, "adx": {"period": 7}}')
    assert load_settings().indicator_record.schema.names[5:] == ["obv", "adx_7"]


@pytest.mark.usefixtures("without_files")
@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('{"smma": {}}', "technical_indicators: Value error, 'smma' is not a TA-Lib function; did you mean 'sma'?"),
        ('{"sma": {"period": 0}}', "technical_indicators: Value error, sma: period is 0; expected a whole number"),
        ("[]", "technical_indicators: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_computed_is_refused_when_settings_are_read(
    monkeypatch: pytest.MonkeyPatch, section: str, message: str
) -> None:
    monkeypatch.setenv("MDSTREAM_TECHNICAL_INDICATORS", section)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert message in str(refused.value)


@pytest.mark.usefixtures("without_files")
def test_a_history_that_rules_could_not_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_HISTORY_BARS", "20")
    with pytest.raises(ConfigError, match="history_bars: Input should be greater than or equal to 21"):
        load_settings()
