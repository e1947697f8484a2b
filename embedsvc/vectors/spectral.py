"""Few dimensions in which the groups of a graph lie apart.

Source: Ng, Jordan and Weiss, On spectral clustering, 2001; Zhang and Rohe, Understanding
regularized spectral clustering via graph conductance, 2018, arXiv:1806.01468.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

_TOLERANCE = 1e-4
_SMALL = 200


def spectral_rows(weights: Any, *, dim: int = 32, seed: int = 0) -> NDArray[np.float32]:
    """Put the nodes of a graph where those with many ties between them are near.

    Args:
        weights: symmetric sparse matrix of shape (n, n), none of them negative.
        dim: at most this many dimensions.
        seed: where the search for them starts.

    Returns:
        Unit vectors, float32 of shape (n, at most dim): rows of the leading eigenvectors of the
        normalized weights. A node without ties is a row of zeros.
    """
    graph = sparse.csr_matrix(weights, dtype=np.float64)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    # Larger degrees keep a few nodes at the rim from having dimensions of their own.
    scales = sparse.diags(1 / np.sqrt(degrees + max(degrees.mean(), 1e-12)))
    vectors = _leading(scales @ graph @ scales, min(dim, len(degrees) - 1), seed)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-12)
    return np.asarray(rows, np.float32)


def _leading(matrix: Any, dim: int, seed: int) -> NDArray[np.float64]:
    """Eigenvectors of the largest eigenvalues, of shape (n, dim)."""
    n = matrix.shape[0]
    if n <= max(_SMALL, 2 * dim):
        return np.asarray(np.linalg.eigh(matrix.toarray())[1][:, ::-1][:, :dim])
    start = np.random.default_rng(seed).uniform(-1, 1, n)
    try:
        found = eigsh(matrix, k=dim, which="LA", v0=start, tol=_TOLERANCE, ncv=3 * dim)[1]
    except ArpackNoConvergence as err:
        # Those that were found are exact; the rest would be noise anyway.
        found = err.eigenvectors
    return np.asarray(found)
