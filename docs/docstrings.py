"""Lets mkdocstrings read the examples of our docstrings, which are headed `Example:`; griffe looks for `Examples:`."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_HEAD = re.compile(r"^Example:$", re.MULTILINE)


class Examples(Extension):  # type: ignore[misc]  # griffe is not installed where types are checked
    """Renames the heading before docstrings are parsed."""

    def on_object(self, *, obj: Object, **_: Any) -> None:  # noqa: ANN401 - whatever griffe hands on
        """Do so for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _HEAD.sub("Examples:", obj.docstring.value)
