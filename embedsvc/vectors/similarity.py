"""Nearest neighbours by cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError

_BLOCK = 1024


def top_k(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], *, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k vectors most similar to each query, by cosine, best first.

    Args:
        queries: float array of shape (n_queries, dim).
        vectors: float array of shape (n_vectors, dim); a row of zeros is similar to nothing.
        k: how many; at most n_vectors are returned.

    Returns:
        Positions in `vectors`, int64 of shape (n_queries, k), and cosines, float32 of the same
        shape. Equal cosines come in the order of the vectors.

    Raises:
        InputError: the shapes do not fit.

    Example:
        >>> positions, cosines = top_k(np.eye(2, dtype="f4"), np.eye(2, dtype="f4"), k=1)
        >>> positions.ravel().tolist()
        [0, 1]
    """
    if queries.ndim != 2 or vectors.ndim != 2 or queries.shape[1] != vectors.shape[1]:
        raise InputError(
            "Expected queries and vectors of shapes (n, dim) with the same dim, got "
            f"{queries.shape} and {vectors.shape}. Encode both with the same model."
        )
    if k < 1:
        raise InputError(f"Expected k to be at least 1, got {k}.")
    k = min(k, len(vectors))
    units = _unit(vectors)
    positions = np.empty((len(queries), k), np.int64)
    cosines = np.empty((len(queries), k), np.float32)
    for start in range(0, len(queries), _BLOCK):
        block = _unit(queries[start : start + _BLOCK]) @ units.T  # (block, n_vectors)
        order = np.argsort(-block, axis=1, kind="stable")[:, :k]
        positions[start : start + _BLOCK] = order
        cosines[start : start + _BLOCK] = np.take_along_axis(block, order, axis=1)
    return positions, cosines


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    # In half precision squares overflow, and 1e-12 is 0.
    vectors = np.asarray(vectors, np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)
