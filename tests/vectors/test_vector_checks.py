"""What vectors are let in, and rows brought to length 1."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.vectors import checks
from embedsvc.vectors.checks import bad_rows, check_same_dim, check_vectors, unit_rows


def test_float32_is_handed_back_itself():
    vectors = np.ones((2, 3), np.float32)
    assert check_vectors(vectors) is vectors


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.uint8])
def test_other_numbers_become_float32(dtype):
    checked = check_vectors(np.array([[1, 2], [3, 4]], dtype))
    assert checked.dtype == np.float32
    assert checked.tolist() == [[1, 2], [3, 4]]


def test_lists_are_let_in():
    assert check_vectors([[1, 2.5]]).tolist() == [[1, 2.5]]


def test_no_rows_are_fine_unless_some_are_needed():
    assert check_vectors(np.empty((0, 3))).shape == (0, 3)
    with pytest.raises(InputError, match="at least 2 things, got 1"):
        check_vectors(np.ones((1, 3)), name="things", least=2)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros(3), r"shape \(n, dim\), got the shape \(3,\)"),
        (np.zeros((2, 0)), r"got the shape \(2, 0\)"),
        (np.zeros((1, 2, 3)), r"got the shape \(1, 2, 3\)"),
        ([[1, 2], [3]], "rows of different lengths"),
        ([["a"]], "Convert them to float32"),
        (np.array([[True]]), "Convert them to float32"),
        (np.array([[1j]]), "Convert them to float32"),
    ],
)
def test_what_is_no_matrix_of_numbers(vectors, message):
    with pytest.raises(InputError, match=message):
        check_vectors(vectors)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e16, 1e300])
def test_bad_numbers_are_counted_and_the_first_is_named(bad):
    vectors = np.ones((5, 2))
    vectors[[2, 4], 1] = bad
    with pytest.raises(InputError, match=r"in 2 of 5 vectors, the first in row 2"):
        check_vectors(vectors)


def test_bad_rows_in_any_block(monkeypatch):
    monkeypatch.setattr(checks, "_BLOCK", 2)
    vectors = np.ones((5, 2))
    vectors[[1, 4], 0] = np.nan, np.inf
    assert bad_rows(vectors).tolist() == [1, 4]
    assert bad_rows(np.empty((0, 2))).tolist() == []


def test_memory_maps_are_let_in(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 2), np.float32))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert check_vectors(mapped) is mapped


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1, 1e14])
def test_unit_rows_of_any_scale(scale):
    units = unit_rows(np.array([[3, 4], [0, 0], [-1, 0]]) * scale)
    np.testing.assert_allclose(units, [[0.6, 0.8], [0, 0], [-1, 0]], atol=1e-6)


def test_unit_rows_are_new_and_come_in_blocks(monkeypatch):
    monkeypatch.setattr(checks, "_BLOCK", 2)
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    before = vectors.copy()
    units = unit_rows(vectors)
    np.testing.assert_array_equal(vectors, before)
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-6)


def test_different_dims():
    check_same_dim(np.ones((1, 3)), np.ones((2, 3)))
    with pytest.raises(InputError, match=r"got \(1, 3\) and \(2, 4\). Encode both"):
        check_same_dim(np.ones((1, 3)), np.ones((2, 4)))
