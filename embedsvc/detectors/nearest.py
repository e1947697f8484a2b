"""Exact distances to the nearest points of a bank, by brute force.

The squared distance of x and c is |x|^2 - 2 (x.c - |c|^2 / 2), so the nearest c is the one with the
largest x.c - |c|^2 / 2. With one more column, ones beside the x and -|c|^2 / 2 beside the c, that
is a bare matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.cores import on_all_cores
from embedsvc.errors import InputError

Result = TypeVar("Result")

# Products in the hands of one thread: 32 MB.
_PRODUCTS = 2**23
_MATRIX = tf.TensorSpec([None, None], tf.float32)


def _top_products(rows: tf.Tensor, others: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    products = tf.matmul(rows, others, transpose_b=True)  # (n_rows, n_others)
    return tf.math.top_k(products, count, sorted=False).indices


# TensorFlow's product shares its threads with the networks that make the features; NumPy's brings
# threads of its own, which wait spinning and are up to five times slower on a busy machine.
_nearest = tf.function(
    _top_products, input_signature=[_MATRIX, _MATRIX, tf.TensorSpec([], tf.int32)], autograph=False
)


def nearest_distances(
    queries: NDArray[np.float32], bank: NDArray[np.float32], *, n_neighbours: int = 1
) -> NDArray[np.float32]:
    """Euclidean distances from each query to its nearest points of the bank.

    One matrix product finds the neighbours, and the distances to those few are then computed from
    differences: a point of the bank is at distance 0 from itself, and a result does not depend on
    what else is asked in the same call.

    Args:
        queries: float32 array of shape (n_queries, dim).
        bank: float32 array of shape (n_points, dim).
        n_neighbours: how many of the nearest points to measure.

    Returns:
        Float32 array of shape (n_queries, n_neighbours), each row ascending.

    Raises:
        InputError: the shapes do not fit, the bank has fewer than `n_neighbours` points, or a
            number is NaN, infinite or too large to be squared.

    Example:
        >>> bank = np.array([[0, 0], [3, 4]], np.float32)
        >>> nearest_distances(np.zeros((1, 2), np.float32), bank, n_neighbours=2).tolist()
        [[0.0, 5.0]]
    """
    queries, bank = np.asarray(queries, np.float32), np.asarray(bank, np.float32)
    _check(queries, bank, n_neighbours)
    mean = column_means(bank)
    points = as_others(*augmented(bank, mean))

    def measure(part: slice) -> NDArray[np.float32]:
        rows, _ = augmented(queries[part], mean)
        with tf.device("CPU:0"):  # a GPU may round products to 10 bits
            neighbours = _nearest(rows, points, n_neighbours).numpy()
        differences = bank[neighbours] - queries[part, np.newaxis]  # (n_rows, n_neighbours, dim)
        return np.sort(np.sqrt(np.einsum("rnd,rnd->rn", differences, differences)), axis=1)

    size = max(1, _PRODUCTS // max(len(bank), n_neighbours * bank.shape[1]))
    parts = in_parts(measure, len(queries), size=size)
    return np.concatenate([np.empty((0, n_neighbours), np.float32), *parts])


@np.errstate(over="ignore", invalid="ignore")
def column_means(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each column, float32 of shape (dim,); not finite where the rows are not."""
    means: NDArray[np.float64] = rows.mean(axis=0, dtype=np.float64)
    return means.astype(np.float32)


@np.errstate(over="ignore", invalid="ignore")
def augmented(
    rows: NDArray[np.float32], mean: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Move rows to the mean, where products lose the fewest digits, and add a column of ones.

    Args:
        rows: float32 array of shape (n_rows, dim).
        mean: float32 array of shape (dim,).

    Returns:
        The moved rows, float32 of shape (n_rows, dim + 1), the last column 1; and half the square
        of each one's length, float32 of shape (n_rows,).

    Raises:
        InputError: a number is NaN, infinite or too large to be squared.
    """
    moved = np.ones((len(rows), rows.shape[1] + 1), np.float32)
    np.subtract(rows, mean, out=moved[:, :-1])
    halves = np.einsum("rd,rd->r", moved[:, :-1], moved[:, :-1]) / 2
    unusable = np.count_nonzero(~np.isfinite(halves))
    if unusable:
        raise InputError(
            f"Expected finite numbers below 1e18, got NaN, infinite or larger ones in {unusable} "
            f"of {len(rows)} rows. Leave those rows out, or look at what made them."
        )
    return moved, halves


def as_others(rows: NDArray[np.float32], halves: NDArray[np.float32]) -> NDArray[np.float32]:
    """What augmented rows are multiplied with to find the nearest of these augmented rows."""
    others = rows.copy()
    others[:, -1] = -halves
    return others


def in_parts(compute: Callable[[slice], Result], n_rows: int, *, size: int) -> list[Result]:
    """Call `compute` for parts of `size` rows, on all cores, and return the results in order."""
    return on_all_cores(compute, [slice(at, at + size) for at in range(0, n_rows, size)])


def _check(queries: NDArray[np.float32], bank: NDArray[np.float32], n_neighbours: int) -> None:
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1]:
        raise InputError(
            "Expected queries and bank of shapes (n, dim) with the same dim, got "
            f"{queries.shape} and {bank.shape}. Take both from the same features."
        )
    if not 1 <= n_neighbours <= len(bank):
        raise InputError(
            f"Expected n_neighbours from 1 to the {len(bank)} points of the bank, got "
            f"{n_neighbours}. Ask for fewer neighbours, or fill the bank."
        )
