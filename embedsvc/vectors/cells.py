"""Cells: rows parted by the nearest of some centres, and which cells are within reach of a row."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

_ROWS_A_CELL = 64
"""In the sample that the centres are learned from."""


@dataclass(frozen=True)
class Cells:
    """Centres, and all that is nearer to one than to the others.

    Attributes:
        centres: float32 array of shape (n_cells, dim).
    """

    centres: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.centres)

    def nearness(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """How near each row is to each centre, higher = nearer; (n_cells, n)."""
        halves = np.einsum("cd,cd->c", self.centres, self.centres) / 2
        near = self.centres @ rows.T
        near -= halves[:, np.newaxis]
        return np.asarray(near, np.float32)

    def distances(self) -> NDArray[np.float32]:
        """Between centres, (n_cells, n_cells)."""
        wide = self.centres.astype(np.float64)
        squares = np.einsum("cd,cd->c", wide, wide)
        between = squares[:, np.newaxis] + squares - 2 * wide @ wide.T
        return np.sqrt(np.maximum(between, 0)).astype(np.float32)


def fit_cells(rows: NDArray[np.float32], n_cells: int, *, seed: int) -> Cells:
    """Learn centres from a sample of rows by k-means.

    Args:
        rows: float32 array of shape (n, dim).
        n_cells: how many; no more than there are different rows.
        seed: equal seeds give equal cells.
    """
    if n_cells <= 1:
        return Cells(rows.mean(axis=0, keepdims=True))
    chosen = np.random.default_rng(seed).permutation(len(rows))[: n_cells * _ROWS_A_CELL]
    means = MiniBatchKMeans(
        n_cells, init="random", n_init=1, max_iter=20, batch_size=8192, random_state=seed
    )
    with warnings.catch_warnings():
        # Copies of rows leave some centres the same, which does no harm.
        warnings.simplefilter("ignore", ConvergenceWarning)
        means.fit(rows[chosen])
    return Cells(np.asarray(means.cluster_centers_, np.float32))


def within_reach(
    nearness: NDArray[np.float32],
    own: NDArray[np.int64],
    distances: NDArray[np.float32],
    cell: int,
    reach: float,
) -> NDArray[np.int64]:
    """The rows from which something in a cell may be no farther away than a reach.

    A point of the cell lies on its side of the plane midway between the two centres; a row that is
    farther from that plane than the reach has nothing near in the cell.

    Args:
        nearness: of rows to centres, (n_cells, n), as `Cells.nearness` gives it.
        own: the cell of each row, int64 of shape (n,).
        distances: between the centres.
        cell: which cell.
        reach: a distance.

    Returns:
        Rising positions, int64.
    """
    best = nearness[own, np.arange(len(own))]
    return np.flatnonzero(nearness[cell] >= best - reach * distances[cell][own] - 1e-5)
