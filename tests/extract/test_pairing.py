"""Pairs across a pipeline that reads ahead."""

import pytest

from embedsvc.extract.pairing import paired


@pytest.mark.parametrize("ahead", [0, 1, 3, 100])
def test_each_item_is_with_its_result(ahead):
    def double(numbers):
        waiting = []
        for number in numbers:
            waiting.append(2 * number)
            if len(waiting) > ahead:
                yield waiting.pop(0)
        yield from waiting

    assert list(paired(range(20), double)) == [(i, 2 * i) for i in range(20)]
    assert list(paired([], double)) == []


def test_it_takes_no_more_than_what_it_runs():
    taken = []
    items = (taken.append(i) or i for i in range(100))
    pairs = paired(items, lambda numbers: (n for n in numbers))
    assert next(pairs) == (0, 0)
    assert taken == [0]
