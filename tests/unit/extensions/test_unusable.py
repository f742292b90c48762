"""Entry points that cannot be used: each error says which package it is about."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from mdstream import extensions
from mdstream.errors import DISTRIBUTION, ExtensionError
from mdstream.extensions import CHANNELS, FEEDS
from mdstream.feeds.extension import FeedExtension


def install(site: Path, package: str, entry_points: str, module: str = "") -> None:
    """Put a package's metadata, and a module, where Python finds them."""
    metadata = site / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    if module:
        (site / f"{package.replace('-', '_')}.py").write_text(module)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def refusal(name: str) -> str:
    with pytest.raises(ExtensionError) as caught:
        FEEDS.load(name, FeedExtension)
    return str(caught.value)


def test_an_unknown_name_lists_what_is_installed() -> None:
    installed = "installed are: alphavantage, binance, finage, fmp, massive, replay, synthetic"
    assert refusal("binanse") == f"unknown feed 'binanse'; did you mean 'binance'? {installed}"
    assert refusal("xyz") == f"unknown feed 'xyz'; {installed}"


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("import not_there", "fails to import with ModuleNotFoundError: No module named 'not_there'"),
        ("1 / 0", "fails to import with ZeroDivisionError: division by zero"),
        ("OTHER = 1", "fails to import with AttributeError: module 'broken_feed' has no attribute 'FEED'"),
        ("FEED = 1", "is of type int; expected FeedExtension"),
    ],
)
def test_what_fails_to_import_is_said_with_its_package(site: Path, module: str, expected: str) -> None:
    # Another module of this name may have been imported before.
    sys.modules.pop("broken_feed", None)
    install(site, "broken-feed", "[mdstream.feeds]\nbroken = broken_feed:FEED\n", module)
    message = refusal("broken")
    assert message.startswith(f"the feed broken of the package broken-feed cannot be used: broken_feed:FEED {expected}")


def test_two_packages_with_one_name(site: Path) -> None:
    install(site, "other-binance", "[mdstream.feeds]\nbinance = other_binance:FEED\n")
    assert refusal("binance") == (
        f"2 packages bring a feed binance: other-binance, {DISTRIBUTION}; expected one: uninstall the others"
    )


def test_metadata_older_than_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = importlib.metadata.EntryPoints(())
    monkeypatch.setattr(extensions, "_entry_points", lambda _: dict.fromkeys((FEEDS.group, CHANNELS.group), nothing))
    assert refusal("binance") == f"unknown feed 'binance', and {extensions.NONE_REGISTERED}"
