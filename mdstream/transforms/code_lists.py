"""Condition codes of a list in text, in Columns."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from mdstream.schemas.text_lists import FRACTION_PATTERN, ITEM_PATTERN, LIST_PATTERN, NO_CODES, RUN_TOGETHER_PATTERN
from mdstream.transforms.reject_reasons import matches

_LONGEST_CODES = 1_024
"""Characters of a list of codes in text: Java's patterns take a step into the stack for each item."""


def codes_of_text(text: Column) -> Column:
    """Return the codes of a list in text as `mdstream.schemas.text_lists.read_codes` does; null if it is none."""
    items = F.regexp_extract_all(text, F.lit(f"({ITEM_PATTERN})"), F.lit(1))
    bare = F.transform(items, _code)
    is_list = (F.length(text) <= _LONGEST_CODES) & matches(text, rf"\s*{LIST_PATTERN}\s*")
    no_code = rf"(?:{FRACTION_PATTERN}|{RUN_TOGETHER_PATTERN})"
    is_code = F.forall(
        items, lambda item: ~item.isin(*NO_CODES) & ~matches(item, no_code) | matches(item, r"-?[0-9]+\.0+")
    )
    return F.when(is_list & is_code, bare)


def _code(item: Column) -> Column:
    inner = F.regexp_replace(F.substring(item, F.lit(2), F.length(item) - 2), r"\\(.)", "$1")
    without_fraction = F.regexp_replace(item, r"^(-?[0-9]+)\.0+$", "$1")
    return F.when(F.substring(item, 1, 1).isin('"', "'"), inner).otherwise(without_fraction)
