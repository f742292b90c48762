"""Lines of files, whatever their length."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdstream.feeds import lines
from mdstream.feeds.lines import read_lines
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES


def lines_of(path: Path) -> list[bytes]:
    return [line for block in read_lines(path) for line in block.lines]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line and not line.endswith(b"\r"))))
def test_lines_are_those_that_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: list[bytes]
) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 7)
    path = tmp_path / "lines"
    path.write_bytes(b"".join(line + b"\r\n" for line in written))
    blocks = list(read_lines(path))
    assert [line for block in blocks for line in block.lines] == written
    assert [block.first for block in blocks] == [1 + sum(len(b.lines) for b in blocks[:n]) for n in range(len(blocks))]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"a\n\nb")
    assert lines_of(path) == [b"a", b"", b"b"]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"a\n" + b"x" * (3 * MAX_DEAD_LETTER_BYTES) + b"\nb\n")
    first, long, last = lines_of(path)
    assert (first, last) == (b"a", b"b")
    assert MAX_DEAD_LETTER_BYTES < len(long) < MAX_DEAD_LETTER_BYTES + (1 << 20)


def test_a_line_as_long_as_a_dead_letter_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"x" * (MAX_DEAD_LETTER_BYTES - 1) + b"\nb")
    assert [len(line) for line in lines_of(path)] == [MAX_DEAD_LETTER_BYTES - 1, 1]
