"""Which trades may shape a bar, decided by their condition codes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pyspark.sql import Column
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError

ANY_OTHER_CODE = "*"
"""The code of the row that holds for all codes without a row of their own."""

_COLUMNS = ("code", "open_close", "high_low", "volume")


@dataclass(frozen=True)
class Eligibility:
    """What a trade with one condition code may do.

    Attributes:
        open_close: May set a bar's open and close.
        high_low: May set a bar's high and low, and counts in its VWAP.
        volume: Counts in a bar's volume, and in its VWAP.

    Example:
        >>> ConditionTable({"W": Eligibility(open_close=False)}).codes["W"].volume
        True
    """

    open_close: bool = True
    high_low: bool = True
    volume: bool = True


@dataclass(frozen=True)
class ConditionTable:
    """Eligibility by condition code. A trade with several codes may do what all of them allow; with none, everything.

    Attributes:
        codes: The codes that have a row of their own.
        other: What holds for all other codes.
    """

    codes: Mapping[str, Eligibility] = field(default_factory=lambda: MappingProxyType({}))
    other: Eligibility = Eligibility()

    @classmethod
    def from_csv(cls, lines: Iterable[str]) -> ConditionTable:
        """Read a table from CSV lines `code,open_close,high_low,volume` with true or false; `*` is any other code.

        Raises:
            InvalidInputError: The header, a code or a value is not as expected.

        Example:
            >>> ConditionTable.from_csv(["code,open_close,high_low,volume", "*,true,true,true", "Z,false,false,true"])
            ConditionTable(codes={'Z': Eligibility(open_close=False, high_low=False, volume=True)}, \
other=Eligibility(open_close=True, high_low=True, volume=True))
        """
        reader = csv.DictReader(lines, skipinitialspace=True)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise InvalidInputError(
                f"condition table: expected the header {','.join(_COLUMNS)}, found {','.join(reader.fieldnames or ())}"
            )
        codes: dict[str, Eligibility] = {}
        for row in reader:
            code = row["code"].strip()
            if code in codes:
                raise InvalidInputError(f"condition table, line {reader.line_num}: code '{code}' stands twice")
            if not code or None in row:
                raise InvalidInputError(
                    f"condition table, line {reader.line_num}: expected {','.join(_COLUMNS)}, found "
                    f"{'no code' if not code else 'more values'}"
                )
            codes[code] = Eligibility(*(_flag(row, name, reader.line_num) for name in _COLUMNS[1:]))
        other = codes.pop(ANY_OTHER_CODE, Eligibility())
        return cls(codes, other)


def _flag(row: Mapping[str, str | None], name: str, line: int) -> bool:
    value = (row[name] or "").strip().lower()
    if value not in {"true", "false"}:
        raise InvalidInputError(f"condition table, line {line}: {name} is '{row[name]}'; expected true or false")
    return value == "true"


def is_eligible(conditions: Column, table: ConditionTable, purpose: str) -> Column:
    """Return whether a trade with these condition codes may serve `purpose`; never null.

    Args:
        conditions: Array of condition codes; null or empty means an ordinary trade.
        table: What each code allows.
        purpose: `open_close`, `high_low` or `volume`.
    """
    agreed = [code for code, row in table.codes.items() if getattr(row, purpose)]
    barred = [code for code, row in table.codes.items() if not getattr(row, purpose)]
    if getattr(table.other, purpose):
        if not barred:
            return F.lit(True)
        verdict = ~F.exists(conditions, lambda code: code.isin(barred))
    else:
        verdict = F.forall(conditions, lambda code: code.isNull() | code.isin(agreed))
    return F.coalesce(verdict, F.lit(True))
