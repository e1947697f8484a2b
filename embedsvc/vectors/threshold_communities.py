"""Groups around rows that have many others within a threshold, the largest first.

Source: the fast clustering of sentence-transformers (`util.community_detection`), in blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedsvc.cores import on_all_cores
from embedsvc.vectors.similarity import one_thread_a_product

_ROWS = 256
_COLUMNS = 8192


def threshold_communities(
    vectors: NDArray[np.float32],
    counts: NDArray[np.int64],
    *,
    threshold: float,
    min_size: int,
) -> NDArray[np.int64]:
    """Make a group of each row with enough others of at least some cosine; groups do not overlap.

    Memory is that of the pairs within the threshold, block by block; a group gives up the rows that
    a larger one has taken, and is dropped once it is too small.

    Args:
        vectors: unit vectors, float32 of shape (n, dim).
        counts: how many rows each of them stands for, shape (n,).
        threshold: the least cosine with the middle row of a group.
        min_size: the fewest rows of a group.

    Returns:
        Labels, int64 of shape (n,), -1 for rows in no group; those in the order of the groups'
        sizes before overlaps were removed.
    """
    sizes = _sizes(vectors, counts, threshold)
    labels = np.full(len(vectors), -1, np.int64)
    found = 0
    # Stable: among equal sizes the first row leads.
    waiting = np.argsort(-sizes, kind="stable")
    waiting = waiting[sizes[waiting] >= min_size]
    for start in range(0, len(waiting), _ROWS):
        middles = waiting[start : start + _ROWS]
        # A row that is taken may still be the middle of what is left of its group.
        free = np.flatnonzero(labels < 0)
        near = vectors[middles] @ vectors[free].T >= threshold
        for members in near:
            rows = free[members]
            rows = rows[labels[rows] < 0]
            if counts[rows].sum() >= min_size:
                labels[rows] = found
                found += 1
    return labels


def _sizes(
    vectors: NDArray[np.float32], counts: NDArray[np.int64], threshold: float
) -> NDArray[np.int64]:
    """How many rows are within the threshold of each, shape (n,)."""
    sizes = np.zeros(len(vectors), np.int64)
    weights = counts.astype(np.float32)

    def count(rows: slice) -> None:
        for start in range(0, len(vectors), _COLUMNS):
            columns = slice(start, start + _COLUMNS)
            near = vectors[rows] @ vectors[columns].T >= threshold
            sizes[rows] += (near @ weights[columns]).astype(np.int64)

    parts = [slice(at, at + _ROWS) for at in range(0, len(vectors), _ROWS)]
    with one_thread_a_product(len(parts)):
        on_all_cores(count, parts)
    return sizes
