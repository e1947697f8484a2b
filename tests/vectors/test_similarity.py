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


METRICS = ["cosine", "dot", "euclidean"]


def plain(queries, vectors, metric):
    """Every pair in double precision: higher = nearer, and what is reported."""
    a, b = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "euclidean":
        distances = np.sqrt(np.square(a[:, np.newaxis] - b).sum(axis=2))
        return -distances, distances
    if metric == "cosine":
        a, b = (
            np.divide(one, length, out=np.zeros_like(one), where=length > 0)
            for one, length in ((x, np.linalg.norm(x, axis=1, keepdims=True)) for x in (a, b))
        )
    return a @ b.T, a @ b.T


def made(n, dim, *, seed=0, middle=0.0):
    return (np.random.default_rng(seed).normal(size=(n, dim)) + middle).astype(np.float32)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("middle", [0.0, 1000.0])
def test_all_metrics_against_every_pair(metric, middle):
    queries, vectors = made(41, 7, seed=1, middle=middle), made(600, 7, middle=middle)
    vectors[5] = 0
    near, reported = plain(queries, vectors, metric)
    positions, scores = top_k(queries, vectors, k=9, metric=metric)
    order = np.argsort(-near, axis=1, kind="stable")[:, :9]
    # Far from the origin products of float32 are equal to some digits only.
    loose = middle and metric != "euclidean"
    tolerance = {"rtol": 1e-5, "atol": 2e-6}
    np.testing.assert_allclose(scores, np.take_along_axis(reported, order, 1), **tolerance)
    if not loose:
        np.testing.assert_array_equal(positions, order)


@pytest.mark.parametrize("metric", METRICS)
def test_a_stream_of_blocks_equals_one_call(metric):
    queries, vectors = made(20, 6, seed=1), made(500, 6)
    whole = top_k(queries, vectors, k=7, metric=metric)
    search = similarity.Search(queries, k=7, metric=metric)
    for start, end in ((0, 3), (3, 3), (3, 170), (170, 171), (171, 500)):
        search.add(vectors[start:end])
    positions, scores = search.result()
    np.testing.assert_array_equal(positions, whole[0])
    np.testing.assert_allclose(scores, whole[1], atol=1e-6)


def test_a_stream_that_is_too_short_says_so():
    search = similarity.Search(VECTORS[:1], k=3)
    assert search.result()[0].tolist() == [[-1, -1, -1]]
    search.add(VECTORS[:2])
    positions, scores = search.result()
    assert positions.tolist() == [[0, 1, -1]]
    assert np.isnan(scores).tolist() == [[False, False, True]]


def test_ties_over_blocks_come_in_order():
    search = similarity.Search([[1.0, 0.0]], k=3)
    for _ in range(3):
        search.add([[2, 0], [1, 0]])
    assert search.result()[0].tolist() == [[0, 1, 2]]


def test_a_block_of_another_dim():
    search = similarity.Search(VECTORS, k=1)
    with pytest.raises(InputError, match="with the same dim"):
        search.add(np.ones((2, 3)))


def test_an_unknown_metric():
    with pytest.raises(InputError, match="cosine, dot, euclidean, got 'manhattan'"):
        similarity.Search(VECTORS, k=1, metric="manhattan")
    with pytest.raises(InputError, match="got 'manhattan'"):
        similarity.similarity_matrix(VECTORS, metric="manhattan")


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e14])
def test_cosines_of_tiny_and_of_large_vectors(scale):
    positions, cosines = top_k(VECTORS[:2], VECTORS * np.float32(scale), k=1)
    assert positions.tolist() == [[0], [1]]
    np.testing.assert_allclose(cosines, 1, atol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_matrix_against_every_pair(metric, monkeypatch):
    monkeypatch.setattr(similarity, "_VECTORS", 16)
    monkeypatch.setattr(similarity, "_QUERIES", 8)
    a, b = made(30, 5), made(50, 5, seed=1)
    a[3] = b[4] = 0
    expected = plain(a, b, metric)[1]
    np.testing.assert_allclose(
        similarity.similarity_matrix(a, b, metric=metric), expected, rtol=1e-5, atol=1e-5
    )
    own = similarity.similarity_matrix(a, metric=metric)
    np.testing.assert_allclose(own, plain(a, a, metric)[1], rtol=1e-5, atol=2e-3)


def test_matrix_into_a_memory_map(tmp_path):
    a, b = made(10, 5), made(12, 5, seed=1)
    out = np.lib.format.open_memmap(tmp_path / "m.npy", "w+", np.float32, (10, 12))
    assert similarity.similarity_matrix(a, b, out=out) is out
    out.flush()
    expected = similarity.similarity_matrix(a, b)
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), expected)


@pytest.mark.parametrize("out", [np.empty((4, 3), np.float32), np.empty((4, 4), np.float64)])
def test_matrix_into_what_does_not_fit(out):
    with pytest.raises(InputError, match=r"Expected out to be float32 of shape \(4, 4\)"):
        similarity.similarity_matrix(VECTORS, out=out)


def test_matrix_of_nothing():
    for metric in METRICS:
        empty = similarity.similarity_matrix(np.empty((0, 2)), VECTORS, metric=metric)
        assert empty.shape == (0, 4)
