from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mdstream.operations.rebuild import _chunks

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(
    st.timedeltas(timedelta(days=7_000), timedelta(days=40_000)).map(lambda since: EPOCH + since),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=90)),
    st.sampled_from([1, 60, 420, 900, 86_400, 7 * 86_400, 30 * 86_400]),
)
def test_chunks_follow_each_other_and_hold_whole_windows(start: datetime, length: timedelta, seconds: int) -> None:
    end, window = start + length, timedelta(seconds=seconds)
    chunks = list(_chunks(start, end, seconds))
    borders = [chunks[0][0], *(last for _, last in chunks)]
    assert [first for first, _ in chunks] == borders[:-1]
    assert all((border - EPOCH) % window == timedelta(0) for border in borders)
    assert start - window < borders[0] <= start
    assert end <= borders[-1] < end + window
    assert all(first < last for first, last in chunks)
