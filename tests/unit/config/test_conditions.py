"""The configured table of conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.config.conditions import load_conditions
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.transforms import ConditionTable, Eligibility

TABLE = "code,open_close,high_low,volume\r\nZ,false,false,true\r\n"


def test_without_a_table_every_trade_is_eligible() -> None:
    assert load_conditions(None) == ConditionTable()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_of_any_editor_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode(encoding))
    assert load_conditions(path) == ConditionTable({"Z": Eligibility(open_close=False, high_low=False)})


@pytest.mark.parametrize("content", [None, TABLE.encode("utf-16")], ids=["absent", "utf-16"])
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot read the condition table .*table\.csv: "):
        load_conditions(path)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("symbol,price\nA,1\n")
    with pytest.raises(InvalidInputError, match="expected the header code,open_close,high_low,volume, found symbol"):
        load_conditions(path)
