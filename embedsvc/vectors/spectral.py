"""Few dimensions in which the groups of a graph lie apart.

Source: Ng, Jordan and Weiss, On spectral clustering, 2001; the eigenvalues as lengths are those of
diffusion maps: Coifman and Lafon, 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

_ROUNDS = 10
_STEPS_A_ROUND = 8
_SMALL = 200
# Where there are fewer groups than dimensions, the later ones should hardly count.
_STEPS = 4


def spectral_rows(weights: Any, *, dim: int = 32, seed: int = 0) -> NDArray[np.float32]:
    """Put the nodes of a graph where those with many ties between them are near.

    Args:
        weights: symmetric sparse matrix of shape (n, n), none of them negative.
        dim: at most this many dimensions.
        seed: where the search for them starts.

    Returns:
        Unit vectors, float32 of shape (n, at most dim): rows of the leading eigenvectors of the
        normalized weights, each times the fourth power of its eigenvalue. A node without ties is a
        row of zeros.
    """
    graph = sparse.csr_matrix(weights, dtype=np.float64)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    roots = np.sqrt(degrees)
    scales = sparse.diags(np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0))
    vectors = _leading(scales @ graph @ scales, min(dim, len(degrees) - 1), seed)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-12)
    return np.asarray(rows, np.float32)


def _leading(matrix: Any, dim: int, seed: int) -> NDArray[np.float64]:
    """Eigenvectors of the largest eigenvalues, those of smaller ones shortened, (n, dim)."""
    n = matrix.shape[0]
    if n <= max(_SMALL, 2 * dim):
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        values, vectors = _leading_subspace(matrix, 2 * dim, seed)
    largest = np.argsort(-values)[:dim]
    scales = np.maximum(values[largest], 0) / max(float(values.max()), 1e-12)
    return np.asarray(vectors[:, largest] * scales**_STEPS)


def _leading_subspace(
    matrix: Any, dim: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues and eigenvectors by iterating a block.

    A graph in parts has the largest eigenvalue once for each part; methods that start from a single
    vector, as those of ARPACK do, miss some of these.
    """
    block = np.random.default_rng(seed).standard_normal((matrix.shape[0], dim))
    # The products are too small to be shared among threads.
    with threadpool_limits(1, user_api="blas"):
        for _ in range(_ROUNDS):
            block = np.linalg.qr(block)[0]
            # Halfway to the matrix, so that negative eigenvalues fade.
            for _ in range(_STEPS_A_ROUND):
                block = (block + matrix @ block) / 2
        block = np.linalg.qr(block)[0]
        values, turned = np.linalg.eigh(block.T @ (matrix @ block))
        return values, block @ turned
