"""Pooling against its formulas."""

import numpy as np
import pytest

from embedsvc.nets.image_pooling import IMAGE_POOLINGS, pool_maps, unit_rows

MAPS = np.random.default_rng(0).uniform(0, 6, (3, 4, 5, 7)).astype(np.float32)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", MAPS.astype(np.float64).mean(axis=(1, 2))),
        ("max", MAPS.max(axis=(1, 2))),
        ("gem", (MAPS.astype(np.float64) ** 3).mean(axis=(1, 2)) ** (1 / 3)),
    ],
)
def test_formulas(pooling, expected):
    pooled = pool_maps(MAPS, pooling=pooling)
    assert (pooled.shape, pooled.dtype) == ((3, 7), np.float32)
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


@pytest.mark.parametrize("pooling", IMAGE_POOLINGS)
def test_a_picture_does_not_depend_on_the_others(pooling):
    together = pool_maps(MAPS, pooling=pooling)
    for i in range(3):
        assert np.array_equal(pool_maps(MAPS[i : i + 1], pooling=pooling)[0], together[i])
    assert pool_maps(MAPS[:0], pooling=pooling).shape == (0, 7)


def test_gem_lies_between_mean_and_max_and_takes_no_negatives():
    mean, gem, top = (pool_maps(MAPS, pooling=name) for name in ("mean", "gem", "max"))
    assert ((mean < gem) & (gem < top)).all()
    np.testing.assert_allclose(pool_maps(-MAPS, pooling="gem"), 1e-6, rtol=1e-4)


def test_an_unknown_pooling():
    with pytest.raises(ValueError, match="out of mean, gem, max, got 'cls'"):
        pool_maps(MAPS, pooling="cls")


def test_unit_rows():
    rows = np.array([[3, 4], [0, 0]], np.float32)
    np.testing.assert_allclose(unit_rows(rows), [[0.6, 0.8], [0, 0]])
    assert rows[0, 0] == 3
