"""The graph of nearest neighbours: each vector tied to the few it is most like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedsvc.vectors.neighbors import nearest_neighbors

_MOST_NEIGHBOURS = 15
# Cosines that are high tie much closer than those that are middling.
_POWER = 4
_LEAST_WEIGHT = 1e-6
# Sparse is what lies this many deviations, and by this share, under the middle of all.
_NEAREST = 5
_DEVIATIONS = 3.0
_SHARE = 0.75
_NORMAL = 1.4826  # makes the median deviation of normal numbers their standard deviation


@dataclass(frozen=True)
class NeighbourGraph:
    """Who is near whom.

    Attributes:
        weights: symmetric sparse matrix of shape (n, n), its diagonal empty.
        closeness: mean cosine with the nearest 5, float32 of shape (n,).
    """

    weights: Any
    closeness: NDArray[np.float32]


def neighbour_graph(vectors: NDArray[np.float32]) -> NeighbourGraph:
    """Tie each vector to its 15 nearest by cosine, fewer where there are few vectors.

    Args:
        vectors: unit vectors, float32 of shape (n, dim), n at least 2.

    Returns:
        The graph; a tie weighs the fourth power of its cosine, half of it where only one of the two
        has the other among its nearest.
    """
    n = len(vectors)
    k = min(n - 1, _MOST_NEIGHBOURS, max(2, round(float(np.sqrt(n)))))
    positions, cosines = nearest_neighbors(vectors, k=k, exact=True)
    found = np.maximum(cosines.ravel(), 0)
    weights = np.maximum(found.astype(np.float64) ** _POWER, _LEAST_WEIGHT)
    rows = np.repeat(np.arange(n), k)
    graph = sparse.csr_matrix((weights, (rows, positions.ravel())), shape=(n, n))
    nearest = cosines[:, :_NEAREST].mean(axis=1)
    return NeighbourGraph(((graph + graph.T) / 2).tocsr(), nearest)


def sparse_rows(closeness: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows lie so far from all others that they belong to none of them.

    Args:
        closeness: as `NeighbourGraph` has it, shape (n,).

    Returns:
        Bool of shape (n,): three deviations, and a quarter, below the median.
    """
    middle = float(np.median(closeness))
    deviation = _NORMAL * float(np.median(np.abs(closeness - middle)))
    return np.asarray(closeness < min(middle - _DEVIATIONS * deviation, _SHARE * middle))
