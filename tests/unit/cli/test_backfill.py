from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mdstream.cli import main

TIMES = ("--from", "2024-05-06", "--to", "2024-05-07")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> object:
    """Return the exit code."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["mdstream", "backfill", *arguments, *TIMES])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_without_a_key_it_says_where_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MDSTREAM_FEEDS__MASSIVE__API_KEY", raising=False)
    assert run(monkeypatch, tmp_path, "AAPL") == 1
    said = capsys.readouterr().err
    assert "set MDSTREAM_FEEDS__MASSIVE__API_KEY in the environment or .env" in said
    assert "massive.com/dashboard/keys" in said


def test_what_is_complete_is_not_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "checkpoints/backfill/massive-trades-20240506T000000-20240507T000000.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"AAPL":{"page":null,"row":0,"delivered":7},"MSFT":{"page":null,"row":0,"delivered":0}}')
    assert run(monkeypatch, tmp_path, "AAPL", "MSFT") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("AAPL, MSFT: complete, as checkpoints/backfill/massive-trades-")
