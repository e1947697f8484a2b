"""Whitening: features rotated and scaled so that what is normal varies the same in all directions.

The squared length of a whitened vector is its Mahalanobis distance from the normal images. All
components are kept: the small ones carry the signal.

Source: Ledoit, Wolf: A well-conditioned estimator for large-dimensional covariance matrices, 2004;
Rippel, Mertens, Merhof: Modeling the distribution of normal data in pre-trained deep features for
anomaly detection, 2021, https://arxiv.org/abs/2005.14140.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from threadpoolctl import threadpool_limits

from embedsvc.detectors.learned import Shape
from embedsvc.vectors.sampling import some_rows

SHAPES: dict[str, Shape] = {"mean": ("dim",), "projection": ("dim", "dim")}
"""Of what is learned."""

_MOST_ROWS = 20_000
_SMALLEST_SPREAD = 1e-6
_SMALL_DIM = 2048


def fit_whitening(
    features: NDArray[Any], *, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Learn to whiten.

    Args:
        features: array of shape (n, dim); of more than 20,000 rows a random part is used.
        seed: chooses that part.

    Returns:
        Mean of shape (dim,) and projection of shape (dim, dim), both float64. One row tells nothing
        of the spread, and the projection is the identity.
    """
    values = np.asarray(some_rows(features, _MOST_ROWS, seed=seed), np.float64)
    mean = values.mean(axis=0)
    if len(values) == 1:
        return mean, np.eye(len(mean))
    spread = values.std(axis=0)
    # A feature that never varies among normal images must not make all the difference.
    spread = np.maximum(spread, max(_SMALLEST_SPREAD, 1e-3 * float(np.median(spread))))
    with threadpool_limits(_threads(len(mean)), user_api="blas"):
        covariance = LedoitWolf(assume_centered=True).fit((values - mean) / spread).covariance_
        variances, directions = np.linalg.eigh(covariance)
    scale = np.sqrt(np.maximum(variances, 1e-12))
    return mean, directions / scale / spread[:, np.newaxis]


def _threads(dim: int) -> int | None:
    # Threads hardly help with small matrices, and where other processes have the cores they wait
    # for each other spinning: ten times slower was seen.
    return 1 if dim <= _SMALL_DIM else None


def whiten(
    features: NDArray[Any], mean: NDArray[np.float64], projection: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Whiten features of shape (n, dim); float64 of the same shape."""
    whitened: NDArray[np.float64] = (np.asarray(features, np.float64) - mean) @ projection
    return whitened
