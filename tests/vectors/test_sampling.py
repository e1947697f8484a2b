"""A random part of many rows."""

import numpy as np

from embedsvc.vectors.sampling import some_rows

ROWS = np.arange(200).reshape(100, 2)


def test_a_part_keeps_its_order():
    part = some_rows(ROWS, 30, seed=0)
    assert part.shape == (30, 2)
    assert (np.diff(part[:, 0]) > 0).all()
    assert np.isin(part[:, 0], ROWS[:, 0]).all()


def test_seeds_draw():
    np.testing.assert_array_equal(some_rows(ROWS, 30, seed=1), some_rows(ROWS, 30, seed=1))
    assert not np.array_equal(some_rows(ROWS, 30, seed=1), some_rows(ROWS, 30, seed=2))


def test_few_rows_are_all_taken():
    assert some_rows(ROWS, 100, seed=0) is ROWS
    assert some_rows(ROWS[:0], 5, seed=0).shape == (0, 2)
