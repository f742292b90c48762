"""`ticks.primary_source`, in each form it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.config import load_settings
from mdstream.errors import ConfigError


@pytest.mark.parametrize(
    ("content", "of_aapl", "of_others"),
    [
        ("ticks: {}", None, None),
        ("ticks: {primary_source: all}", "all", "all"),
        ("ticks: {primary_source: massive}", "massive", "massive"),
        ("ticks: {primary_source: {AAPL: massive}}", "massive", None),
        ("ticks: {primary_source: {AAPL: massive, '*': finage}}", "massive", "finage"),
    ],
)
def test_it_is_read_from_the_file(tmp_path: Path, content: str, of_aapl: str | None, of_others: str | None) -> None:
    path = tmp_path / "mdstream.yaml"
    path.write_text(content)
    sources = load_settings(path).ticks.primary_sources
    assert (sources.of("AAPL"), sources.of("BTCUSDT")) == (of_aapl, of_others)


@pytest.mark.parametrize(("value", "source"), [("massive", "massive"), ('{"AAPL": "fmp"}', "fmp")])
def test_it_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, source: str) -> None:
    monkeypatch.setenv("MDSTREAM_TICKS__PRIMARY_SOURCE", value)
    assert load_settings().ticks.primary_sources.of("AAPL") == source


@pytest.mark.parametrize(
    ("value", "message"),
    [('{" A": "fmp"}', "expected a symbol, or \\* for all others"), ("", "name of a feed, or all")],
)
def test_what_it_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setenv("MDSTREAM_TICKS__PRIMARY_SOURCE", value)
    with pytest.raises(ConfigError, match=message):
        load_settings()
