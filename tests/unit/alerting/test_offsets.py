"""Never committed beyond what is unsettled, always up to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mdstream.alerting.offsets import HandledOffsets


@given(st.integers(0, 2**40), st.integers(1, 30), st.data())
def test_settled_in_any_order(first: int, count: int, data: st.DataObject) -> None:
    offsets = HandledOffsets()
    for number in range(first, first + count):
        offsets.begin(3, number)
    left = set(range(first, first + count))
    committed = None
    for number in data.draw(st.permutations(sorted(left))):
        offsets.settle(3, number)
        left.discard(number)
        expected = min(left, default=first + count)
        found = offsets.take_new()
        assert found == ({3: expected} if expected != committed else {})
        committed = found.get(3, committed)
    assert committed == first + count


def test_a_partition_that_went_to_another_process() -> None:
    offsets = HandledOffsets()
    offsets.begin(0, 5)
    offsets.begin(1, 7)
    offsets.forget([0])
    offsets.settle(0, 5)
    offsets.settle(1, 7)

    assert offsets.take_new() == {1: 8}


def test_gaps_as_transactions_leave_them() -> None:
    offsets = HandledOffsets()
    offsets.begin(0, 5)
    offsets.begin(0, 9)
    offsets.settle(0, 5)

    assert offsets.take_new() == {0: 9}
