"""What is public: pinned, explained by an example each, and imported only when it is used."""

from __future__ import annotations

import difflib
import importlib
import inspect
import subprocess
import sys
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

import mdstream as md

MODULES = ("mdstream", "mdstream.indicators", "mdstream.testing", "mdstream.transforms")
PINNED = Path(__file__).with_name("public_surface.txt")
KINDS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def signature_of(thing: object) -> str:
    """The names of the parameters in their order, `=` behind those that have a default."""
    parts: list[str] = []
    for name, parameter in inspect.signature(thing).parameters.items():  # type: ignore[arg-type]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        has_default = parameter.default is not inspect.Parameter.empty
        parts.append(f"{KINDS.get(parameter.kind, '')}{name}{'=' if has_default else ''}")
    return f"({', '.join(parts)})"


def is_called(thing: object) -> bool:
    """Whether it is a function, or a class that is neither an error nor a list of choices."""
    if inspect.isclass(thing):
        return not issubclass(thing, Exception | Enum)
    return callable(thing) and inspect.isfunction(inspect.unwrap(thing))


def lines_of(module: ModuleType) -> list[str]:
    found = []
    for name in module.__all__:
        thing = getattr(module, name)
        found.append(f"{module.__name__}.{name}{signature_of(thing) if is_called(thing) else ''}")
    return found


def test_what_is_public_is_what_was_agreed_on() -> None:
    found = [line for name in MODULES for line in lines_of(importlib.import_module(name))]
    pinned = PINNED.read_text(encoding="utf-8").splitlines()
    difference = "\n".join(difflib.unified_diff(pinned, found, PINNED.name, "found", lineterm="", n=0))
    assert not difference, f"what users build on has changed; if that is meant, change {PINNED.name}:\n{difference}"


@pytest.mark.parametrize("name", MODULES)
def test_each_public_thing_has_an_example_that_runs(name: str) -> None:
    module = importlib.import_module(name)
    without = []
    for public in module.__all__:
        thing = getattr(module, public)
        members = vars(thing).values() if inspect.isclass(thing) else ()
        texts = [str(each.__doc__) for each in (thing, *members)]
        if is_called(thing) and not any(">>> " in text and "+SKIP" not in text for text in texts):
            without.append(public)
    assert not without, f"no example in {', '.join(without)}"


def test_importing_has_no_side_effects_and_needs_nothing() -> None:
    code = "import mdstream, sys; print(*{m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    brought = set(done.stdout.split()) - {"__main__", "sitecustomize", "_distutils_hack"}
    assert {name for name in brought if not name.startswith("__editable")} == {"mdstream"}
    assert not done.stderr


def test_made_up_ticks_and_indicators_need_no_spark() -> None:
    code = (
        "import sys; sys.modules['pyspark'] = None\n"
        "import mdstream as md; md.parse_indicators({'rsi': {}}); print(md.testing.made_up_ticks(['AAPL']).num_rows)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert int(done.stdout or 0) > 0, done.stderr


def test_a_name_that_is_not_public_is_answered_by_the_nearest() -> None:
    with pytest.raises(AttributeError, match="no attribute 'to_bar'; did you mean 'to_bars'"):
        md.to_bar  # noqa: B018
    assert {"to_bars", "testing", "__version__"} <= set(dir(md))


def test_all_that_the_streaming_layer_exports_is_where_it_is_looked_for() -> None:
    streaming = importlib.import_module("mdstream.streaming")
    missing = [name for name in streaming.__all__ if not hasattr(streaming, name)]
    assert missing == []
