"""What is known of clusters: centres, distances, silhouettes, confidence, the most central rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from embedsvc.errors import InputError
from embedsvc.vectors.checks import check_vectors, unit_rows

NOISE = -1

_BLOCK = 8192
_FACTOR_E = 0.2


def cluster_centers(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The mean direction of each cluster.

    Args:
        vectors: unit vectors, float32 of shape (n, dim).
        labels: of the rows, shape (n,): clusters from 0 without a gap; -1 is in none.

    Returns:
        Unit vectors, float32 of shape (n_clusters, dim).
    """
    return unit_rows(_sums(vectors, labels))


def center_cosines(
    vectors: NDArray[np.float32], centers: NDArray[np.float32]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Cosines with all centres, for some rows at a time: the rows, and shape (n_rows, k)."""
    for start in range(0, len(vectors), _BLOCK):
        rows = slice(start, min(len(vectors), start + _BLOCK))
        yield rows, vectors[rows] @ centers.T


def distances_to_centers(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], centers: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Cosine distance of each row to the centre of its cluster, to the nearest one for noise.

    Args:
        vectors: unit vectors, float32 of shape (n, dim).
        labels: of the rows, shape (n,).
        centers: unit vectors of shape (n_clusters, dim).

    Returns:
        Float32 of shape (n,), from 0 to 2; 1 where there is no cluster at all.
    """
    found = np.ones(len(vectors), np.float32)
    if len(centers):
        for rows, cosines in center_cosines(vectors, centers):
            own = np.where(labels[rows] < 0, cosines.argmax(axis=1), labels[rows])
            found[rows] = 1 - cosines[np.arange(len(own)), own]
    return np.clip(found, 0, 2)


def silhouettes(vectors: ArrayLike, labels: ArrayLike) -> NDArray[np.float32]:
    """How much nearer each row is to its own cluster than to the next one, by cosine distance.

    The mean distance to a cluster is one minus the product with the mean of its members: it is
    exact, for any number of rows, without comparing all pairs.

    Args:
        vectors: numbers of shape (n, dim).
        labels: integers of shape (n,), -1 for noise.

    Returns:
        Float32 of shape (n,), from -1 to 1; NaN for noise, and all NaN for fewer than two clusters.
        A cluster of one row has 0.

    Raises:
        InputError: no finite vectors, or another number of labels.

    Source: Rousseeuw, Silhouettes, 1987.
    """
    rows = unit_rows(check_vectors(vectors))
    given = np.asarray(labels)
    if given.shape != (len(rows),) or given.dtype.kind not in "iu":
        raise InputError(
            f"Expected one whole number a vector as labels, of shape ({len(rows)},), got "
            f"{given.dtype} of shape {given.shape}. Pass the labels of these very vectors."
        )
    names, numbers = np.unique(given[given >= 0], return_inverse=True)
    compact = np.full(len(rows), NOISE, np.int64)
    compact[given >= 0] = numbers
    return unit_silhouettes(rows, compact, len(names))


def unit_silhouettes(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float32]:
    """`silhouettes` of unit vectors whose labels have no gap."""
    found = np.full(len(vectors), np.nan, np.float32)
    if n_clusters < 2:
        return found
    sizes = np.bincount(labels[labels >= 0], minlength=n_clusters)
    means = (_sums(vectors, labels) / sizes[:, np.newaxis]).astype(np.float32)
    squares = np.einsum("nd,nd->n", vectors, vectors)
    for rows, cosines in center_cosines(vectors, means):
        members = np.flatnonzero(labels[rows] >= 0)
        own, distances = labels[rows][members], 1 - cosines[members]
        at = np.arange(len(members))
        # Without the row itself: its product with itself is in the mean of its cluster.
        others = np.maximum(sizes[own] - 1, 1)
        within = 1 - (cosines[members, own] * sizes[own] - squares[rows][members]) / others
        distances[at, own] = np.inf
        nearest = distances.min(axis=1)
        larger = np.maximum(np.maximum(nearest, within), 1e-9)
        scores = np.where(sizes[own] > 1, (nearest - within) / larger, 0)
        found[rows.start + members] = np.clip(scores, -1, 1)
    return found


def center_confidence(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    centers: NDArray[np.float32],
    distances: NDArray[np.float32],
) -> NDArray[np.float32]:
    """How sure it is that a row belongs to its cluster and no other, from 0 to 1.

    A softmax over the cosines with all centres. What is a large difference between two cosines
    depends on how wide clusters are: a fifth of the usual distance to the centre makes a factor e.
    On Banking77 with 58 clusters, rows above 0.9 are of their cluster's main intent in 77 %, those
    below 0.3 in 23 %.

    Args:
        vectors: unit vectors, float32 of shape (n, dim).
        labels: of the rows, shape (n,).
        centers: unit vectors of shape (n_clusters, dim).
        distances: to the centres, shape (n,).

    Returns:
        Float32 of shape (n,); 0 for noise.
    """
    found = np.zeros(len(vectors), np.float32)
    if not len(centers):
        return found
    scale = max(_FACTOR_E * float(np.median(distances[labels >= 0])), 1e-6)
    for rows, cosines in center_cosines(vectors, centers):
        members = np.flatnonzero(labels[rows] >= 0)
        own = cosines[members, labels[rows][members]]
        # Beyond 80 a weight is beyond what float32 holds.
        logits = np.minimum((cosines[members] - own[:, np.newaxis]) / np.float32(scale), 80)
        found[rows.start + members] = 1 / np.exp(logits).sum(axis=1)
    return found


def central_ranks(
    labels: NDArray[np.int64], distances: NDArray[np.float32], *, n_central: int
) -> NDArray[np.int64]:
    """The rank of each row among the most central ones of its cluster.

    Args:
        labels: of the rows, shape (n,).
        distances: to the centres, shape (n,).
        n_central: how many of each cluster have a rank.

    Returns:
        Int64 of shape (n,): 1 is the most central; 0 has no rank.
    """
    order = np.lexsort((np.arange(len(labels)), distances, labels))
    ordered = labels[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - starts + 1
    ranks[(labels < 0) | (ranks > n_central)] = 0
    return ranks


def _sums(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    members = np.flatnonzero(labels >= 0)
    n_clusters = int(labels.max(initial=-1)) + 1
    sums = np.zeros((n_clusters, vectors.shape[1]))
    for start in range(0, len(members), _BLOCK):
        part = members[start : start + _BLOCK]
        ones = np.ones(len(part), np.float32)
        shape = (n_clusters, len(part))
        chosen = sparse.csr_matrix((ones, (labels[part], np.arange(len(part)))), shape=shape)
        sums += chosen @ vectors[part]
    return sums
