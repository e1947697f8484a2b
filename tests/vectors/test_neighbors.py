"""The neighbours of each vector among the others, exact and by the index."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.vectors import neighbors, top_k
from embedsvc.vectors.ivf import WANTED_RECALL, InvertedLists
from embedsvc.vectors.neighbors import nearest_neighbors


def clustered(n=3000, dim=16, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(40, dim))
    return (centres[generator.integers(40, size=n)] + 0.3 * generator.normal(size=(n, dim))).astype(
        np.float32
    )


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_itself_is_left_out(metric, monkeypatch):
    monkeypatch.setattr(neighbors, "_BLOCK", 37)
    vectors = clustered(200)
    near, scores = nearest_neighbors(vectors, k=4, metric=metric)
    all_near, all_scores = top_k(vectors, vectors, k=200, metric=metric)
    for i in range(200):
        others = all_near[i] != i
        assert near[i].tolist() == all_near[i][others][:4].tolist()
        np.testing.assert_allclose(scores[i], all_scores[i][others][:4], atol=1e-6)


def test_copies_are_others():
    near, cosines = nearest_neighbors(np.ones((5, 3)), k=2)
    assert all(i not in row for i, row in enumerate(near.tolist()))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)


@pytest.mark.parametrize(("n", "width"), [(0, 0), (1, 0), (2, 1), (3, 2)])
def test_few_vectors_have_few_neighbours(n, width):
    near, cosines = nearest_neighbors(np.eye(3)[:n], k=9)
    assert near.shape == cosines.shape == (n, width)


def test_advance_counts_all():
    done = []
    nearest_neighbors(clustered(300), k=2, advance=done.append)
    assert sum(done) == 300


def test_many_go_through_the_index(monkeypatch):
    monkeypatch.setattr(neighbors, "MOST_EXACT", 1000)
    vectors = clustered()
    near, cosines = nearest_neighbors(vectors, k=5)
    exact, exact_cosines = nearest_neighbors(vectors, k=5, exact=True)
    assert (near == exact).mean() > 0.9
    assert (near != np.arange(len(vectors))[:, np.newaxis]).all()
    assert (cosines <= exact_cosines + 1e-6).all()


def test_bad_questions():
    with pytest.raises(InputError, match="k to be at least 1, got 0"):
        nearest_neighbors(np.eye(3), k=0)
    with pytest.raises(InputError, match="metric cosine for the index, got 'dot'"):
        nearest_neighbors(np.eye(3), k=1, metric="dot", exact=False)


def test_the_index_tells_its_recall():
    vectors = clustered()
    index = InvertedLists(vectors, n_lists=50, n_probes=3)
    queries = vectors[:400] + np.float32(0.01)
    queries[0] = 0
    near, cosines = index.search(queries, k=10)
    _, exact = top_k(queries, vectors, k=10)
    recall = (cosines[1:] >= exact[1:, -1:] - 1e-6).mean()
    assert abs(recall - index.recall) < 0.1
    np.testing.assert_allclose(
        cosines[1:], np.sort(cosines[1:], axis=1)[:, ::-1], atol=0, equal_nan=False
    )
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = queries[1:] / np.linalg.norm(queries[1:], axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.einsum("nd,nkd->nk", asked, units[near[1:]]), cosines[1:], atol=1e-5
    )


def test_as_many_lists_are_searched_as_it_takes():
    index = InvertedLists(clustered(), n_lists=30)
    assert index.recall >= WANTED_RECALL
    assert index.n_probes <= 30


def test_all_lists_find_everything():
    vectors = clustered(500)
    index = InvertedLists(vectors, n_lists=7, n_probes=7)
    near, _ = index.search(vectors, k=3)
    np.testing.assert_array_equal(near, top_k(vectors, vectors, k=3)[0])
    assert index.recall == 1


def test_equal_seeds_give_equal_results():
    vectors = clustered()
    one, other = (InvertedLists(vectors, n_lists=20, seed=4).search(vectors, k=3) for _ in "ab")
    np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.filterwarnings("error")
def test_equal_rows_and_short_lists():
    index = InvertedLists(np.ones((40, 3)), n_lists=8, n_probes=1)
    near, cosines = index.search(np.ones((2, 3)), k=50)
    assert near.shape == (2, 40)
    assert ((near >= 0) == ~np.isnan(cosines)).all()
    assert InvertedLists(np.ones((1, 3))).search(np.ones((1, 3)), k=1)[0].tolist() == [[0]]


def test_bad_indexes():
    with pytest.raises(InputError, match="at least one list and one probe, got 0 and None"):
        InvertedLists(np.eye(3), n_lists=0)
    with pytest.raises(InputError, match="at least 1 vectors, got 0"):
        InvertedLists(np.empty((0, 3)))
    with pytest.raises(InputError, match="with the same dim"):
        InvertedLists(np.eye(3)).search(np.ones((1, 4)), k=1)
