"""The graph of nearest neighbours, its rim, and its few dimensions."""

import numpy as np
import pytest
from sklearn.neighbors import kneighbors_graph

from embedsvc.vectors.checks import unit_rows
from embedsvc.vectors.graph import neighbour_graph, sparse_rows
from embedsvc.vectors.spectral import spectral_rows


@pytest.mark.golden
def test_ties_are_those_of_scikit_learn():
    vectors = unit_rows(np.random.default_rng(0).standard_normal((400, 8)))
    found = neighbour_graph(vectors).weights
    nearest = kneighbors_graph(vectors, 15, mode="distance", metric="cosine")
    nearest.data = np.maximum(1 - nearest.data, 0) ** 4
    expected = (nearest + nearest.T) / 2
    assert abs(found - expected).max() < 1e-5
    assert abs(found - found.T).max() == 0


def test_what_is_like_nothing_is_at_the_rim():
    generator = np.random.default_rng(1)
    near = np.eye(30)[np.repeat([0, 1], 100)] + 0.1 * generator.standard_normal((200, 30))
    far = generator.standard_normal((6, 30))
    closeness = neighbour_graph(unit_rows(np.concatenate([near, far]))).closeness
    assert np.flatnonzero(sparse_rows(closeness)).tolist() == list(range(200, 206))


def test_nothing_is_at_the_rim_of_one_cloud():
    vectors = unit_rows(np.random.default_rng(2).standard_normal((300, 5)))
    assert not sparse_rows(neighbour_graph(vectors).closeness).any()


@pytest.mark.parametrize("n", [60, 600])
def test_spectral_rows_part_what_is_not_tied(n):
    generator = np.random.default_rng(3)
    owners = np.repeat([0, 1, 2], n // 3)
    vectors = np.eye(12)[owners * 3] + 0.05 * generator.standard_normal((n, 12))
    rows = spectral_rows(neighbour_graph(unit_rows(vectors)).weights, dim=3)
    cosines = rows @ rows.T
    same = owners[:, np.newaxis] == owners
    assert cosines[same].min() > 0.99
    assert cosines[~same].max() < 0.5
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
