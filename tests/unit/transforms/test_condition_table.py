"""Condition tables from CSV."""

from __future__ import annotations

import pytest

from mdstream.errors import InvalidInputError
from mdstream.transforms import ConditionTable, Eligibility

HEADER = "code,open_close,high_low,volume"


def test_a_table_has_a_row_a_code_and_one_for_all_others() -> None:
    lines = [HEADER, "@,true,true,true", "", "Z, FALSE , True,false", ' " a,b ",false,false,true', "*,false,true,true"]
    assert ConditionTable.from_csv(lines) == ConditionTable(
        {
            "@": Eligibility(open_close=True, high_low=True, volume=True),
            "Z": Eligibility(open_close=False, high_low=True, volume=False),
            "a,b": Eligibility(open_close=False, high_low=False, volume=True),
        },
        other=Eligibility(open_close=False, high_low=True, volume=True),
    )


@pytest.mark.parametrize("lines", [[HEADER], ["code, open_close, high_low, volume\r\n", "\r\n"]])
def test_a_table_without_rows_allows_everything(lines: list[str]) -> None:
    assert ConditionTable.from_csv(lines) == ConditionTable()
    assert ConditionTable().other == Eligibility(open_close=True, high_low=True, volume=True)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], f"expected the header {HEADER}, found $"),
        (["code,open_close,high_low"], f"expected the header {HEADER}, found code,open_close,high_low$"),
        (["code,high_low,open_close,volume"], f"expected the header {HEADER}"),
        (["\ufeff" + HEADER], f"expected the header {HEADER}"),
        (["@,true,true,true"], f"expected the header {HEADER}, found @,true,true,true"),
        ([HEADER, "@,true,yes,true"], "line 2: high_low is 'yes'; expected true or false"),
        ([HEADER, "@,true,,true"], "line 2: high_low is ''; expected true or false"),
        ([HEADER, "@,true,true"], "line 2: volume is 'None'; expected true or false"),
        ([HEADER, "@,true,true,true,true"], f"line 2: expected {HEADER}, found more values"),
        ([HEADER, " ,true,true,true"], f"line 2: expected {HEADER}, found no code"),
        ([HEADER, "@,true,true,true", "@,true,true,true"], "line 3: code '@' stands twice"),
        ([HEADER, "@,true,true,true", "@ ,true,true,false"], "line 3: code '@' stands twice"),
        ([HEADER, "*,true,true,true", "*,true,true,true"], r"line 3: code '\*' stands twice"),
    ],
)
def test_what_is_no_such_table_is_refused_with_the_line(lines: list[str], reason: str) -> None:
    with pytest.raises(InvalidInputError, match=f"^condition table.*{reason}"):
        ConditionTable.from_csv(lines)
