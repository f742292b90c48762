"""The Python API: pages on which mkdocstrings puts signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from docs.reference.markdown import code, prose, table

_HEAD = """# Python

`import mdstream as md` has what a notebook or a job of one's own needs; each is imported when it is first used.
What is public is what a package lists in `__all__`; the rest may change with any release.

"""


@dataclass(frozen=True)
class _Package:
    title: str
    names: tuple[str, ...] = ()
    """Which of its public names are for users; none: all."""


PACKAGES: Mapping[str, _Package] = {
    "mdstream.transforms": _Package("Transforms"),
    "mdstream.indicators": _Package("Indicators"),
    "mdstream.schemas": _Package("Schemas"),
    "mdstream.testing": _Package("Testing"),
    "mdstream.streaming": _Package(
        "Streaming",
        (
            *("to_indicator_stream", "with_asof_stream", "to_activity_bar_stream", "to_nbbo_stream"),
            *("to_quote_bar_stream", "with_trade_sign_stream", "build_session", "stop_session"),
        ),
    ),
    "mdstream.forecasting": _Package("Forecasting"),
}
"""Packages that have a page of their own, named after the last part."""

_EXTENSIONS = {
    "mdstream.feeds.extension": ("FeedExtension", "FeedRequest"),
    "mdstream.feeds": ("Feed", "FeedBatch"),
    "mdstream.feeds.websocket": ("WebSocketFeed", "Parsed"),
    "mdstream.feeds.websocket.vendor": ("Vendor",),
    "mdstream.stores.extension": ("StoreExtension",),
    "mdstream.stores": ("Sink",),
    "mdstream.alerting": ("ChannelExtension", "Channel", "Alert"),
}


def pages() -> Iterator[tuple[str, str]]:
    """Yield every page with its place."""
    yield "index.md", _index()
    for package in PACKAGES:
        name = package.rpartition(".")[2]
        names = PACKAGES[package].names or import_module(package).__all__
        yield f"{name}.md", _page(PACKAGES[package].title, package, names)
    parts = ["# Extensions\n", "What a package of your own builds on: [extending mdstream](../../extending.md).\n"]
    parts += [_entry(module, name) for module, names in _EXTENSIONS.items() for name in names]
    yield "extensions.md", "\n".join(parts)


def _page(title: str, package: str, names: Sequence[str]) -> str:
    module = import_module(package)
    constants = [name for name in names if not _is_documented(getattr(module, name))]
    parts = [f"# {title}\n", prose(inspect.cleandoc(module.__doc__ or "")) + "\n"]
    parts += [_entry(package, name) for name in names if name not in constants]
    if constants:
        parts += [
            "## Constants\n",
            table(["", "is"], [(code(name), _value(getattr(module, name))) for name in constants]),
        ]
    return "\n".join(parts)


def _entry(module: str, name: str) -> str:
    thing = getattr(import_module(module), name)
    return f"::: {thing.__module__}.{thing.__qualname__}\n"


def _is_documented(thing: object) -> bool:
    return inspect.isclass(thing) or inspect.isfunction(inspect.unwrap(thing) if callable(thing) else thing)


def _value(thing: object) -> str:
    kind = type(thing).__name__
    if kind == "Record":
        return "a record: [topics and tables](../records.md)"
    shown = repr(thing)
    return code(shown) if len(shown) <= 100 and "`" not in shown else f"a {kind}"


def _index() -> str:
    md = import_module("mdstream")
    rows = []
    for name in md.__all__:
        thing = getattr(md, name)
        home = _home(name)
        link = f"[{code(name)}]({home.rpartition('.')[2]}.md)" if home in PACKAGES else code(name)
        summary = inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0] if _has_own_docstring(thing) else ""
        rows.append((link, prose(" ".join(summary.split()))))
    return f"{_HEAD}{table(['`mdstream.`', ''], rows)}"


def _has_own_docstring(thing: object) -> bool:
    return _is_documented(thing) or inspect.ismodule(thing)


def _home(name: str) -> str:
    places = [package for package in PACKAGES if name in import_module(package).__all__]
    return places[0] if places else f"mdstream.{name}" if f"mdstream.{name}" in PACKAGES else ""
