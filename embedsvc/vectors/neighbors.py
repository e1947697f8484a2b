"""The nearest neighbours of each vector among all the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.vectors.checks import check_vectors
from embedsvc.vectors.ivf import InvertedLists
from embedsvc.vectors.similarity import Metric, check_metric, top_k

MOST_EXACT = 200_000
"""Of so many vectors each is compared with all others within minutes."""

_BLOCK = 16_384
"""Rows whose neighbours are searched at a time."""


def nearest_neighbors(
    vectors: ArrayLike,
    *,
    k: int,
    metric: Metric = "cosine",
    seed: int = 0,
    exact: bool | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each vector the k others that are most like it, best first.

    Up to 200,000 vectors are all compared. Of more an index finds at least 95 % of the same cosines
    where that is possible (`InvertedLists` tells how much it finds).

    Args:
        vectors: numbers of shape (n, dim).
        k: how many; at most n - 1 are returned.
        metric: "cosine", "dot", or "euclidean", by which near is similar.
        seed: of the index.
        exact: True compares every pair, however many there are, False takes the index; None decides
            by their number. The index knows cosines only: other metrics are exact.
        advance: called with the number of vectors just done.

    Returns:
        Positions, int64 of shape (n, k), never a vector's own (copies of it are others), and
        cosines, products or distances, float32 of the same shape; -1 and NaN where the index finds
        fewer than k.

    Raises:
        InputError: no matrix of finite numbers, an unknown metric, k below 1, or the index for
            another metric than the cosine.

    Example:
        >>> positions, _ = nearest_neighbors([[1, 0], [0, 1], [1, 0.1]], k=1)
        >>> positions.ravel().tolist()
        [2, 2, 0]
    """
    found = check_vectors(vectors)
    check_metric(metric)
    if k < 1:
        raise InputError(f"Expected k to be at least 1, got {k}. Ask for one neighbour or more.")
    width = max(0, min(k, len(found) - 1))
    if exact is False and metric != "cosine":
        raise InputError(
            f"Expected the metric cosine for the index, got {metric!r}. Leave exact out."
        )
    by_index = len(found) > MOST_EXACT if exact is None else not exact
    index = InvertedLists(found, seed=seed) if by_index and metric == "cosine" and width else None
    positions = np.empty((len(found), width), np.int64)
    scores = np.empty((len(found), width), np.float32)
    for start in range(0, len(found), _BLOCK):
        rows = slice(start, start + _BLOCK)
        if index is None:
            near, close = top_k(found[rows], found, k=width + 1, metric=metric)
        else:
            near, close = index.search(found[rows], k=width + 1)
        own = np.arange(start, start + len(near))
        positions[rows], scores[rows] = without_own(near, close, own)
        advance(len(near))
    return positions, scores


def without_own(
    positions: NDArray[np.int64], scores: NDArray[np.float32], own: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Leave out one neighbour of each row: the row itself, or the last where it is not there.

    Args:
        positions: int64 of shape (n, k).
        scores: float32 of shape (n, k).
        own: the position of each row itself, int64 of shape (n,).

    Returns:
        Both with shape (n, k - 1).
    """
    kept = positions != own[:, np.newaxis]
    kept[kept.all(axis=1), -1] = False
    shape = (len(positions), positions.shape[1] - 1)
    return positions[kept].reshape(shape), scores[kept].reshape(shape)
