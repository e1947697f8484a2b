"""The promise of short rows: a cosine that is never too low."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from embedsvc.vectors.checks import unit_rows
from embedsvc.vectors.short_rows import ROUNDING, fit_shortening


@pytest.fixture(autouse=True)
def one_thread():
    """As `find_duplicates` has it: many threads on small matrices wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("decay", [0.0, 0.05, 0.1])
def test_cosines_of_short_rows_are_never_below_the_true_ones(decay):
    generator = np.random.default_rng(0)
    spread = np.exp(-decay * np.arange(120))
    rows = unit_rows(generator.normal(size=(3000, 120)) * spread)
    near = unit_rows(rows + 0.01 * generator.normal(size=rows.shape).astype(np.float32))
    shortening = fit_shortening(rows, threshold=0.9, seed=0)
    short = shortening.shorten(np.concatenate([rows, near]))
    assert short.shape[1] < 120
    exact = np.concatenate([rows, near]).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-5)
    for start in (0, 3000):
        part = slice(start, start + 500)
        assert (short[part] @ short.T >= exact[part] @ exact.T - ROUNDING).all()


def test_rows_that_are_short_already_stay():
    rows = unit_rows(np.random.default_rng(0).normal(size=(50, 8)))
    assert fit_shortening(rows, threshold=0.9, seed=0).shorten(rows) is rows


def test_equal_seeds_give_equal_rows():
    rows = unit_rows(np.random.default_rng(0).normal(size=(500, 100)))
    one, other = (fit_shortening(rows, threshold=0.95, seed=3).shorten(rows) for _ in range(2))
    np.testing.assert_array_equal(one, other)
