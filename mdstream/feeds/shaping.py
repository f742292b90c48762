"""Columns of a vendor's file made those of a tick, as its layout says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mdstream.feeds.columns import cast_or_null, convert
from mdstream.feeds.layouts import Layout
from mdstream.schemas.conditions import correction_marks

_INTEGER = r"^\s*-?\d+\s*$"
_LEAST_UNKNOWN = 2**63 - 1
"""What Databento has in place of a price that there is not."""


def tick_column(
    columns: Mapping[str, pa.Array], layout: Layout, name: str, symbol: str | None, count: int
) -> pa.Array | None:
    """Return the column of a field of TICK, of any type; None if nothing says it.

    Args:
        columns: Those of the file.
        layout: How it is written.
        name: The field.
        symbol: Whose trades they are, where no column says so.
        count: Rows.
    """
    column = columns.get(layout.column_of(name))
    if column is None and name == "symbol" and symbol is not None:
        return pa.repeat(symbol, count)
    if column is None and name == "source" and layout.name:
        return pa.repeat(layout.name, count)
    if column is None and name == "conditions" and (layout.conditions or layout.corrections):
        return pa.nulls(count, pa.list_(pa.string()))
    if column is not None and name == "price" and layout.price_parts != 1:
        return _in_parts(column, layout.price_parts)
    return column


def with_marks(columns: Mapping[str, pa.Array], layout: Layout, codes: pa.Array) -> pa.Array:
    """Return condition codes with those that the layout adds: its own, and the marks of corrections."""
    if layout.conditions:
        return pa.array([[*(row or ()), *layout.conditions] for row in codes.to_pylist()], codes.type)
    corrections = columns.get(layout.corrections) if layout.corrections else None
    if corrections is None:
        return codes
    indicators, _ = convert(corrections, pa.int64())
    corrected = pc.fill_null(pc.not_equal(indicators, 0), False)
    if not pc.any(corrected).as_py():
        return codes
    rows = [
        [*(row or ()), *correction_marks(indicator)] if indicator else row
        for row, indicator in zip(codes.to_pylist(), indicators.to_pylist(), strict=True)
    ]
    return pa.array(rows, codes.type)


def is_trade(columns: Mapping[str, pa.Array], layout: Layout, count: int) -> npt.NDArray[np.bool_]:
    """Return which rows are trades, as the layout has it; all if it says nothing."""
    trades = np.ones(count, dtype=bool)
    for name, pattern in layout.rows.items():
        if (column := columns.get(name)) is not None:
            texts, _ = convert(column, pa.string())
            matching = pc.match_substring_regex(texts, rf"^\s*(?:{pattern})\s*$")
            trades &= pc.fill_null(matching, True).to_numpy(zero_copy_only=False)
    return trades


def _in_parts(prices: pa.Array, parts: int) -> pa.Array:
    """Return prices of which whole numbers count parts of the currency."""
    numbers, _ = convert(prices, pa.float64())
    if pa.types.is_integer(prices.type):
        whole = prices.cast(pa.int64())
    else:
        texts, _ = convert(prices, pa.string())
        whole = cast_or_null(pc.if_else(pc.match_substring_regex(texts, _INTEGER), texts, None), pa.int64())
    known = pc.if_else(pc.equal(whole, _LEAST_UNKNOWN), None, whole)
    in_parts = pc.divide(known.cast(pa.float64(), safe=False), float(parts))
    return pc.if_else(pc.is_valid(whole), in_parts, numbers)
