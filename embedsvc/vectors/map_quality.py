"""How faithful a map of vectors is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.vectors.checks import check_vectors, unit_rows
from embedsvc.vectors.similarity import top_k

_LOOKED_AT = 1000


def neighbours_kept(
    vectors: ArrayLike, places: NDArray[np.float32], *, k: int = 10, seed: int = 0
) -> float:
    """The share of the k nearest neighbours of vectors that are nearest on the map, too.

    Args:
        vectors: numbers of shape (n, dim).
        places: on the map, float32 array of shape (n, 2).
        k: how many neighbours, fewer where there are not so many.
        seed: chooses the 1,000 vectors that are looked at, where there are more.

    Returns:
        From 0 to 1; NaN for fewer than two vectors. At random it would be k / (n - 1).

    Raises:
        InputError: no matrix of finite numbers, or another number of places.
    """
    rows = unit_rows(check_vectors(vectors))
    if len(rows) != len(places):
        raise InputError(
            f"Expected a place for each of {len(rows):,} vectors, got {len(places):,} places. "
            "Pass what project made of these vectors."
        )
    if len(rows) < 2:
        return math.nan
    looked_at = np.arange(len(rows))
    if len(rows) > _LOOKED_AT:
        chosen = np.random.default_rng(seed).choice(len(rows), _LOOKED_AT, replace=False)
        looked_at = np.sort(chosen)
    k = min(k, len(rows) - 1)
    near, _ = top_k(rows[looked_at], rows, k=k + 1)
    on_map, _ = top_k(places[looked_at], places, k=k + 1, metric="euclidean")
    shared = 0
    for own, a, b in zip(looked_at.tolist(), near, on_map, strict=True):
        shared += len(np.intersect1d(a[a != own][:k], b[b != own][:k]))
    return shared / (k * len(looked_at))
