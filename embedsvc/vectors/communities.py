"""Communities of a graph: groups tied more among themselves than chance would have it.

The method is that of Louvain, with the queue of Leiden: a node is looked at again only when one of
its neighbours moved. Ten thousand nodes of 15 neighbours take a third of a second.

Source: Blondel et al., Fast unfolding of communities in large networks, 2008, arXiv:0803.0476;
Traag, Waltman and van Eck, From Louvain to Leiden, 2019, arXiv:1810.08473 (the queue);
Reichardt and Bornholdt, Statistical mechanics of community detection, 2006 (the resolution).
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_LEAST_GAIN = 1e-12


def louvain(weights: Any, *, resolution: float = 1.0, seed: int = 0) -> NDArray[np.int64]:
    """Find the communities of a graph by modularity.

    Args:
        weights: symmetric sparse matrix of shape (n, n), none of them negative.
        resolution: above 1 communities are smaller, below 1 larger.
        seed: of the order in which nodes are looked at.

    Returns:
        The community of each node, from 0, int64 of shape (n,).

    Example:
        >>> two_pairs = sparse.csr_matrix(np.kron(np.eye(2), [[0, 1], [1, 0]]))
        >>> louvain(two_pairs).tolist()
        [0, 0, 1, 1]
    """
    graph = sparse.csr_matrix(weights, dtype=np.float64)
    found = np.arange(graph.shape[0])
    total = float(graph.sum())
    if total <= 0:
        return found
    generator = np.random.default_rng(seed)
    while True:
        order: list[int] = generator.permutation(graph.shape[0]).tolist()
        moved = _move_nodes(graph, order, resolution / total)
        names, communities = np.unique(moved, return_inverse=True)
        found = communities[found]
        if len(names) == graph.shape[0]:
            return _in_order_of_rows(found)
        graph = _joined(graph, communities, len(names))


def modularity(weights: Any, communities: NDArray[np.int64], *, resolution: float = 1.0) -> float:
    """How much more weight lies inside of communities than chance would put there.

    Args:
        weights: symmetric sparse matrix of shape (n, n).
        communities: of the nodes, shape (n,).
        resolution: see `louvain`.
    """
    graph = sparse.csr_matrix(weights, dtype=np.float64)
    joined = _joined(graph, communities, int(communities.max()) + 1)
    total = float(joined.sum())
    shares = np.asarray(joined.sum(axis=1)).ravel() / total
    inside = float(joined.diagonal().sum()) / total
    return float(inside - resolution * np.square(shares).sum())


def _move_nodes(graph: Any, order: list[int], factor: float) -> list[int]:
    """Move nodes to where modularity gains most, until none gains; the community of each node."""
    # Plain lists: single items of NumPy arrays are slower by far.
    starts, ends = graph.indptr[:-1].tolist(), graph.indptr[1:].tolist()
    neighbours, weights = graph.indices.tolist(), graph.data.tolist()
    degrees: list[float] = np.asarray(graph.sum(axis=1)).ravel().tolist()
    sums = list(degrees)
    community = list(range(len(degrees)))
    waiting, queue = [True] * len(degrees), deque(order)
    while queue:
        node = queue.popleft()
        waiting[node] = False
        old, span = community[node], range(starts[node], ends[node])
        ties: dict[int, float] = {}
        for at in span:
            other = neighbours[at]
            if other != node:
                ties[community[other]] = ties.get(community[other], 0.0) + weights[at]
        sums[old] -= degrees[node]
        expected = factor * degrees[node]
        best, most = old, ties.get(old, 0.0) - expected * sums[old] + _LEAST_GAIN
        for candidate, tie in ties.items():
            gain = tie - expected * sums[candidate]
            if gain > most:
                best, most = candidate, gain
        sums[best] += degrees[node]
        if best != old:
            community[node] = best
            for at in span:
                other = neighbours[at]
                if not waiting[other] and community[other] != best:
                    waiting[other] = True
                    queue.append(other)
    return community


def _joined(graph: Any, communities: NDArray[np.int64], n: int) -> Any:
    """The graph whose nodes are the communities; what lies inside of them is its diagonal."""
    rows = np.arange(len(communities))
    members = sparse.csr_matrix((np.ones(len(rows)), (rows, communities)), shape=(len(rows), n))
    return (members.T @ graph @ members).tocsr()


def _in_order_of_rows(communities: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, found = np.unique(communities, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[found], np.int64)
