"""Near duplicates against the plain algorithm, and what could break the fast one."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.vectors import duplicate_search
from embedsvc.vectors.duplicates import find_duplicates


def plain(vectors, threshold, order):
    """One row after the other, compared with all that are kept, in double precision."""
    units = vectors.astype(np.float64)
    lengths = np.linalg.norm(units, axis=1, keepdims=True)
    units = np.divide(units, lengths, out=np.zeros_like(units), where=lengths > 0)
    kept, representative = [], np.arange(len(vectors))
    for i in order:
        zeros = [one for one in kept if not lengths[one]]
        if not lengths[i]:
            representative[i] = zeros[0] if zeros else i
        elif kept:
            cosines = units[kept] @ units[i]
            if cosines.max() >= threshold - 1e-6:
                representative[i] = kept[cosines.argmax()]
        if representative[i] == i:
            kept.append(i)
    return np.sort(kept), representative


def grouped(n, dim, *, noise, seed):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(max(1, n // 5), dim))
    rows = centres[generator.integers(len(centres), size=n)]
    return (rows + noise * generator.normal(size=(n, dim))).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "dim", "noise", "threshold"),
    [
        (1, 5, 0.1, 0.9),
        (700, 3, 0.1, 0.95),
        (900, 60, 0.1, 0.97),
        (900, 60, 0.5, 0.8),
        (900, 90, 0.9, 0.5),
        (400, 90, 1.0, 0.05),
        (500, 40, 0.2, 1.0),
    ],
)
def test_against_the_plain_algorithm(n, dim, noise, threshold, monkeypatch):
    vectors = grouped(n, dim, noise=noise, seed=n + dim)
    vectors[::97] = 0
    order = np.random.default_rng(1).permutation(n)
    kept, representative = plain(vectors, threshold, order)
    for leaf, tile, step in ((64, 1024, 16), (7, 50, 2)):
        monkeypatch.setattr(duplicate_search, "_LEAF", leaf)
        monkeypatch.setattr(duplicate_search, "_TILE", tile)
        monkeypatch.setattr(duplicate_search, "_TILES_A_STEP", step)
        found = find_duplicates(vectors, threshold=threshold, order=order)
        np.testing.assert_array_equal(found.kept, kept)
        np.testing.assert_array_equal(found.representative, representative)


def test_a_row_is_dropped_for_the_most_similar_one_kept_before():
    vectors = [[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 1]]
    found = find_duplicates(vectors, threshold=0.9)
    assert found.kept.tolist() == [0, 1, 4]
    assert found.representative.tolist() == [0, 1, 0, 1, 4]
    np.testing.assert_allclose(found.similarity, [1, 1, 0.99504, 0.99504, 1], atol=1e-5)


def test_the_last_are_kept_where_they_are_preferred():
    found = find_duplicates([[1, 0], [2, 0], [3, 0]], order=[2, 1, 0])
    assert found.kept.tolist() == [2]
    assert found.representative.tolist() == [2, 2, 2]


@pytest.mark.parametrize("scale", [1e-30, 1, 1e12])
def test_copies_of_any_length_are_found_at_a_threshold_of_one(scale):
    rows = grouped(200, 50, noise=1, seed=0)
    vectors = np.concatenate([rows, rows * np.float32(0.37)]) * np.float32(scale)
    found = find_duplicates(vectors, threshold=1)
    np.testing.assert_array_equal(found.representative, np.tile(np.arange(200), 2))
    assert found.similarity.max() <= 1


def test_many_equal_rows_take_little_memory_and_one_is_kept():
    found = find_duplicates(np.ones((50_000, 8), np.float32))
    assert found.kept.tolist() == [0]
    assert not found.representative.any()


def test_rows_of_zeros_are_like_each_other_only():
    found = find_duplicates([[0, 0], [1, 0], [0, 0]], threshold=0.01)
    assert found.kept.tolist() == [0, 1]
    assert found.representative.tolist() == [0, 1, 0]


def test_all_pairs_are_settled_once():
    settled = []
    vectors = grouped(1000, 20, noise=0.1, seed=3)
    vectors[:3] = 0
    find_duplicates(vectors, advance=settled.append)
    assert sum(settled) == 1000 * 999 // 2


def test_nothing_and_one():
    assert find_duplicates(np.empty((0, 3))).kept.tolist() == []
    assert find_duplicates(np.ones((1, 3))).kept.tolist() == [0]


def test_a_memory_map(tmp_path):
    vectors = grouped(300, 60, noise=0.05, seed=4)
    np.save(tmp_path / "a.npy", vectors)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    np.testing.assert_array_equal(find_duplicates(mapped).kept, find_duplicates(vectors).kept)


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01, float("nan")])
def test_bad_thresholds(threshold):
    with pytest.raises(InputError, match="threshold above 0 and at most 1"):
        find_duplicates(np.eye(2), threshold=threshold)


@pytest.mark.parametrize("order", [[0], [0, 0], [1, 2]])
def test_bad_orders(order):
    with pytest.raises(InputError, match="each of the 2 positions"):
        find_duplicates(np.eye(2), order=order)


def test_bad_numbers():
    with pytest.raises(InputError, match="NaN"):
        find_duplicates([[np.nan, 1]])
