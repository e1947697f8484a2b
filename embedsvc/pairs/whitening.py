"""The best linear projection for matching, from matches alone and in closed form.

With d the differences of matching vectors and C their covariance, the projection C^(-1/2) makes
every direction in which matches differ count the less, the more they do so. (Mikolajczyk & Matas
2007, https://doi.org/10.1109/ICCV.2007.4408871, with the covariance of matches alone; Radenovic et
al. 2018, https://arxiv.org/abs/1711.02512, as learned whitening.) The directions in which projected
vectors vary most are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of the mean variance, added to each direction: few matches say little of rare directions.
_SHRINKAGE = 0.1


@dataclass(frozen=True)
class Projection:
    """An affine map, x @ kernel + bias.

    Attributes:
        kernel: float32 array of shape (channels, dim).
        bias: float32 array of shape (dim,).
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


class MatchStatistics:
    """Sums over matches, taken in a batch at a time, so that any number of them fits in memory.

    Args:
        channels: of the vectors.
    """

    def __init__(self, channels: int) -> None:
        self.n = 0
        self._sum = np.zeros(channels)
        self._products = np.zeros((channels, channels))
        self._differences = np.zeros((channels, channels))

    def add(self, vectors_a: NDArray[np.float32], vectors_b: NDArray[np.float32]) -> None:
        """Take in matching rows, float arrays of shape (n, channels)."""
        a, b = vectors_a.astype(np.float64), vectors_b.astype(np.float64)
        self.n += len(a)
        self._sum += a.sum(axis=0) + b.sum(axis=0)
        self._products += a.T @ a + b.T @ b
        self._differences += (a - b).T @ (a - b)

    def projection(self, dim: int) -> Projection:
        """The projection to `dim` components; more than there are channels are zero.

        Raises:
            ValueError: no match was taken in.
        """
        if not self.n:
            raise ValueError("Expected at least one match, got none.")
        mean = self._sum / (2 * self.n)
        spread = self._products / (2 * self.n) - np.outer(mean, mean)
        noise = self._differences / self.n
        channels = len(mean)
        # Where all matches are alike to the last bit, nothing has to be evened out.
        level = _SHRINKAGE * np.trace(noise) / channels or 1.0
        values, vectors = np.linalg.eigh(noise + level * np.eye(channels))
        whiten = vectors / np.sqrt(values) @ vectors.T
        _, directions = np.linalg.eigh(whiten @ spread @ whiten)
        kernel = np.zeros((channels, dim))
        kept = min(dim, channels)
        kernel[:, :kept] = whiten @ _signed(directions[:, ::-1][:, :kept])
        # Of length 1 on the average, as descriptors are.
        kernel /= np.sqrt(max(np.trace(kernel.T @ spread @ kernel), 1e-12))
        return Projection(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))


def _signed(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column with its largest entry positive: which sign comes out is up to the library."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[np.newaxis], axis=0)
    return vectors * np.where(largest < 0, -1.0, 1.0)
