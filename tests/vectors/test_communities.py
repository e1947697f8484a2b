"""Louvain communities, compared with networkx."""

import networkx
import numpy as np
import pytest
from scipy import sparse

from embedsvc.vectors.communities import louvain, modularity


@pytest.fixture
def karate():
    graph = networkx.karate_club_graph()
    return graph, networkx.to_scipy_sparse_array(graph, weight="weight")


def groups(labels):
    return [set(np.flatnonzero(labels == one).tolist()) for one in range(labels.max() + 1)]


@pytest.mark.golden
@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_modularity_is_that_of_networkx(karate, resolution):
    graph, weights = karate
    labels = louvain(weights, resolution=resolution)
    expected = networkx.community.modularity(graph, groups(labels), resolution=resolution)
    assert modularity(weights, labels, resolution=resolution) == pytest.approx(expected)


@pytest.mark.golden
@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_as_good_as_networkx(karate, resolution):
    graph, weights = karate
    ours = max(
        modularity(
            weights, louvain(weights, resolution=resolution, seed=seed), resolution=resolution
        )
        for seed in range(5)
    )
    theirs = max(
        networkx.community.modularity(
            graph,
            networkx.community.louvain_communities(graph, resolution=resolution, seed=seed),
            resolution=resolution,
        )
        for seed in range(5)
    )
    assert ours >= theirs - 0.002


@pytest.mark.golden
def test_cliques_that_hang_together_are_found():
    graph = networkx.connected_caveman_graph(6, 5)
    labels = louvain(networkx.to_scipy_sparse_array(graph))
    assert labels.tolist() == np.repeat(np.arange(6), 5).tolist()


def test_the_seed_decides():
    weights = networkx.to_scipy_sparse_array(networkx.gnp_random_graph(80, 0.1, seed=1))
    assert (louvain(weights, seed=3) == louvain(weights, seed=3)).all()


def test_nodes_without_ties_are_alone():
    assert louvain(sparse.csr_matrix((3, 3))).tolist() == [0, 1, 2]
    weights = sparse.csr_matrix(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]))
    assert louvain(weights).tolist() == [0, 0, 1]


def test_numbers_follow_the_rows():
    weights = sparse.csr_matrix(np.kron(np.eye(3), np.ones((4, 4)) - np.eye(4)))
    assert louvain(weights, seed=5).tolist() == np.repeat(np.arange(3), 4).tolist()
