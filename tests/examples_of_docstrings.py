"""A pytest plugin: the examples of docstrings have a session `spark`, as notebooks have one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from _pytest.doctest import DoctestItem

_SPARK = re.compile(r"\bspark\b")


@pytest.fixture(autouse=True)
def _spark_of_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Start Spark for an example that uses it, and for no other."""
    item = request.node
    if isinstance(item, DoctestItem) and any(_SPARK.search(example.source) for example in item.dtest.examples):
        doctest_namespace["spark"] = request.getfixturevalue("spark")
