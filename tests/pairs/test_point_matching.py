"""Matching vectors: against scikit-image, in blocks, with rivals near and far."""

import numpy as np
import pytest
from skimage.feature import match_descriptors

from embedsvc.errors import InputError
from embedsvc.pairs.matching import match_points


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def two():
    """Vectors of 120 and 150 points, of which 80 are the same place with noise."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(120, 16)), rng.normal(size=(150, 16))
    order = rng.permutation(150)[:80]
    b[order] = a[:80] + rng.normal(0, 0.35, (80, 16))
    return unit(a), unit(b)


@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("ratio", [None, 0.8])
def test_same_matches_as_scikit_image(two, mutual, ratio):
    a, b = two
    expected = match_descriptors(
        a, b, metric="euclidean", cross_check=mutual, max_ratio=1.0 if ratio is None else ratio
    )
    found = match_points(a, b, mutual=mutual, ratio=ratio)
    assert set(zip(found.rows_a.tolist(), found.rows_b.tolist(), strict=True)) == set(
        map(tuple, expected.tolist())
    )
    assert len(found) == len(expected) > 50


def test_similarity_and_ratio_by_hand(two):
    a, b = two
    found = match_points(a, b, mutual=False)
    assert (np.diff(found.similarity) <= 0).all()
    for row, other, similarity, ratio in zip(
        found.rows_a, found.rows_b, found.similarity, found.ratio, strict=True
    ):
        distances = np.sort(np.linalg.norm(b - a[row], axis=1))
        assert similarity == pytest.approx(float(a[row] @ b[other]), abs=1e-6)
        assert ratio == pytest.approx(distances[0] / distances[1], abs=1e-5)


def test_lengths_of_vectors_do_not_matter(two):
    a, b = two
    found = match_points(a * np.linspace(0.01, 90, len(a))[:, np.newaxis], b * 7)
    expected = match_points(a, b)
    np.testing.assert_array_equal(found.rows_a, expected.rows_a)
    np.testing.assert_allclose(found.ratio, expected.ratio, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 7, 119, 5000])
def test_blocks_change_nothing(two, chunk):
    points = np.random.default_rng(0).uniform(0, 60, (150, 2)).astype(np.float32)
    expected = match_points(*two, ratio=0.9, points_b=points)
    found = match_points(*two, ratio=0.9, points_b=points, chunk=chunk)
    np.testing.assert_array_equal(found.rows_a, expected.rows_a)
    np.testing.assert_array_equal(found.rows_b, expected.rows_b)
    np.testing.assert_allclose(found.ratio, expected.ratio, atol=1e-6)


def test_a_rival_at_the_same_place_is_none():
    a = np.float32([[1, 0]])
    b = np.float32([[1, 0.1], [1, 0.11], [0, 1]])
    assert len(match_points(a, b, ratio=0.8)) == 0
    points = np.float32([[10, 10], [13, 14], [50, 10]])
    found = match_points(a, b, ratio=0.8, points_b=points)
    assert found.rows_b.tolist() == [0]
    assert found.ratio[0] == pytest.approx(np.hypot(*(unit(b)[0] - a[0])) / np.sqrt(2))
    assert len(match_points(a, b, ratio=0.8, points_b=points, radius=4)) == 0
    # All around: nothing is left to compare with.
    assert np.isnan(match_points(a, b, ratio=0.8, points_b=points, radius=99).ratio).all()


def test_equal_vectors_are_ambiguous_and_a_single_one_has_no_rival():
    same = np.ones((5, 4), np.float32)
    found = match_points(same, same)
    assert (found.rows_a.tolist(), found.rows_b.tolist()) == ([0], [0])
    assert found.ratio.tolist() == [1.0]
    assert len(match_points(same, same, ratio=0.99)) == 0
    alone = match_points(same, same[:1], ratio=0.5)
    assert len(alone) == 1
    assert np.isnan(alone.ratio[0])


def test_zeros_match_nothing_and_nothing_is_matched():
    a = np.float32([[0, 0], [1, 0], [0, 1]])
    b = np.float32([[0, 1], [0, 0], [-1, -1]])
    found = match_points(a, b, mutual=False, points_b=np.zeros((3, 2), np.float32))
    assert found.rows_a.tolist() == [2, 1]
    assert found.rows_b.tolist() == [0, 0]
    for one, other in ((a[:0], b), (a, b[:0]), (a[:0], b[:0]), (a[:1], b)):
        found = match_points(one, other)
        assert len(found) == 0
        assert found.rows_b.dtype == np.int64
        assert found.ratio.dtype == np.float32


def test_mistakes():
    a = np.eye(3, dtype=np.float32)
    with pytest.raises(InputError, match="second picture, the first in row 1"):
        match_points(a, np.float32([[1, 2, 3], [np.nan, 0, 0]]))
    with pytest.raises(InputError, match="same dim"):
        match_points(a, a[:, :2])
    with pytest.raises(InputError, match="0.8 is usual"):
        match_points(a, a, ratio=1.5)
    with pytest.raises(InputError, match="radius"):
        match_points(a, a, radius=-1)
    with pytest.raises(InputError, match="point for each of 3 vectors"):
        match_points(a, a, points_b=np.zeros((2, 2), np.float32))
