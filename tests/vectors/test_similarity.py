"""Nearest neighbours by hand."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.vectors import similarity
from embedsvc.vectors.similarity import top_k

VECTORS = np.array([[1, 0], [0, 2], [3, 3], [-1, 0]], np.float32)


def test_by_hand():
    positions, cosines = top_k(np.array([[2, 0], [0, 5]], np.float32), VECTORS, k=2)
    assert positions.tolist() == [[0, 2], [1, 2]]
    np.testing.assert_allclose(cosines, [[1, 0.5**0.5], [1, 0.5**0.5]], atol=1e-6)
    assert positions.dtype == np.int64
    assert cosines.dtype == np.float32


def test_k_beyond_the_vectors_gives_all_of_them():
    positions, cosines = top_k(VECTORS[:1], VECTORS, k=99)
    assert positions.tolist() == [[0, 2, 1, 3]]
    np.testing.assert_allclose(cosines, [[1, 0.5**0.5, 0, -1]], atol=1e-6)


def test_ties_come_in_the_order_of_the_vectors():
    vectors = np.array([[0, 1], [5, 0], [1, 0], [2, 0], [0, 0]], np.float32)
    positions, _ = top_k(np.array([[1, 0]], np.float32), vectors, k=5)
    assert positions.tolist() == [[1, 2, 3, 0, 4]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_zeros_are_similar_to_nothing(dtype):
    vectors = np.array([[0, 0], [1, 1]], dtype)
    positions, cosines = top_k(np.array([[0, 0], [1, 1]], dtype), vectors, k=2)
    np.testing.assert_allclose(cosines, [[0, 0], [1, 0]], atol=1e-6)
    assert positions.tolist() == [[0, 1], [1, 0]]


def test_half_precision_does_not_overflow():
    vectors = np.full((2, 4), 300, np.float16)
    np.testing.assert_allclose(top_k(vectors, vectors, k=1)[1], [[1], [1]], atol=1e-6)


def test_blocks_change_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    queries = generator.normal(size=(53, 8)).astype(np.float32)
    vectors = generator.normal(size=(31, 8)).astype(np.float32)
    positions, cosines = top_k(queries, vectors, k=5)
    exact = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ).T
    np.testing.assert_array_equal(positions, np.argsort(-exact, axis=1)[:, :5])
    np.testing.assert_allclose(cosines, -np.sort(-exact, axis=1)[:, :5], atol=1e-6)
    for name in ("_QUERIES", "_VECTORS", "_CHUNK", "_GATHERED"):
        monkeypatch.setattr(similarity, name, 7)
    again, _ = top_k(queries, vectors, k=5)
    np.testing.assert_array_equal(again, positions)


def test_arguments_are_not_changed():
    queries, vectors = VECTORS[1:].copy(), VECTORS.copy()
    top_k(queries, vectors, k=1)
    np.testing.assert_array_equal(queries, VECTORS[1:])
    np.testing.assert_array_equal(vectors, VECTORS)


@pytest.mark.parametrize(("n_queries", "n_vectors", "shape"), [(0, 4, (0, 3)), (2, 0, (2, 0))])
def test_nothing_in_nothing_out(n_queries, n_vectors, shape):
    positions, cosines = top_k(np.zeros((n_queries, 2)), np.zeros((n_vectors, 2)), k=3)
    assert positions.shape == cosines.shape == shape


@pytest.mark.parametrize(
    ("queries", "vectors", "message"),
    [
        (np.zeros(3), np.zeros((1, 3)), r"Expected queries of shape \(n, dim\), got the shape"),
        (np.zeros((1, 3)), np.zeros((1, 4)), "Encode both with the same model"),
        ([[1, 2], [3]], np.zeros((1, 2)), "rows of different lengths"),
        (np.array([["a"]]), np.zeros((1, 1)), "Convert them to float32"),
    ],
)
def test_bad_shapes(queries, vectors, message):
    with pytest.raises(InputError, match=message):
        top_k(queries, vectors, k=1)


@pytest.mark.parametrize("k", [0, -1])
def test_bad_k(k):
    with pytest.raises(InputError, match=f"k to be at least 1, got {k}"):
        top_k(VECTORS, VECTORS, k=k)
