"""Equal rows as one, in an order that does not depend on the one they came in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 65_536
# Vectors of the same text differ by this much where they were encoded in different company.
_SAME = 1e-5


@dataclass(frozen=True)
class DistinctRows:
    """The different ones of some rows.

    Attributes:
        first: for each different row where it stands, int64 of shape (n_distinct,).
        counts: how often each is there, int64 of shape (n_distinct,).
        owner: for each row which of the different ones it is, int64 of shape (n,).
    """

    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    owner: NDArray[np.int64]


def distinct_rows(vectors: NDArray[np.float32]) -> DistinctRows:
    """Find the different rows, in an order of their own.

    Args:
        vectors: float32 array of shape (n, dim).

    Returns:
        The different rows; those that differ by less than 1e-5 in every number are one.
    """
    n, dim = vectors.shape
    directions = np.random.default_rng(0).standard_normal(dim)
    keys = np.empty(n)
    for start in range(0, n, _BLOCK):
        # Sums along a row come out the same wherever the row stands, unlike matrix products.
        keys[start : start + _BLOCK] = (vectors[start : start + _BLOCK] * directions).sum(axis=1)
    order = np.argsort(keys, kind="stable")
    differs = np.ones(n, bool)
    for start in range(1, n, _BLOCK):
        rows = slice(start, min(n, start + _BLOCK))
        steps = np.abs(vectors[order[rows]] - vectors[order[rows.start - 1 : rows.stop - 1]])
        differs[rows] = steps.max(axis=1) >= _SAME
    numbers = np.cumsum(differs) - 1
    owner = np.empty(n, np.int64)
    owner[order] = numbers
    return DistinctRows(order[differs], np.bincount(numbers), owner)
