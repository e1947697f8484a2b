"""A few points near which all others lie: greedy k-centre selection, exact and fast."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.detectors.nearest import as_others, augmented, column_means, in_parts
from embedsvc.errors import InputError
from embedsvc.progress import Advance

# Candidates of a round; their products with each other take 16 MB.
_POOL = 2048
# The most centres of a round, and points in the hands of one thread: their products take 16 MB.
_PICKS = 1024
_ROWS = 4096

_MATRIX = tf.TensorSpec([None, None], tf.float32)


def _all_products(rows: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    return tf.matmul(rows, others, transpose_b=True)


def _largest_products(rows: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(_all_products(rows, others), axis=1)


_products = tf.function(_all_products, input_signature=[_MATRIX, _MATRIX], autograph=False)
_largest = tf.function(_largest_products, input_signature=[_MATRIX, _MATRIX], autograph=False)


def greedy_coreset(
    points: NDArray[np.float32],
    n_centres: int,
    *,
    seed: int = 0,
    projected_dim: int | None = None,
    advance: Advance | None = None,
) -> NDArray[np.int64]:
    """Pick centres so that the farthest point is near one: each time the point farthest from all.

    The picks are those of the plain algorithm, which measures every point after every pick, but
    they are made in rounds. The points farthest from the centres so far are the candidates of a
    round; distances only shrink, so as long as the farthest candidate is at least as far as
    everything else was, it is the farthest of all. Then all points are measured against the
    round's centres by one matrix product, except those that no centre of the round can be nearer
    to: a point within half the distance that lies between any of them and the centres before.

    Args:
        points: float32 array of shape (n_points, dim). A copy of it is held meanwhile.
        n_centres: how many to pick; all points where there are no more.
        seed: decides the first centre, and the projection.
        projected_dim: measure distances after a random projection to so many dimensions, which
            pays where dim is many hundreds; with 64 the farthest point is 10 to 15 % farther.
            None measures the points as they are.
        advance: called with the number of centres just picked.

    Returns:
        Positions in `points`, all different, int64 of shape (min(n_centres, n_points),). They come
        in the order of picking, so the first few are a coreset too.

    Raises:
        InputError: the shape is not (n_points, dim), a count is below 1, or a number is NaN,
            infinite or too large to be squared.

    Example:
        >>> points = np.array([[0], [1], [9], [10], [5]], np.float32)
        >>> sorted(greedy_coreset(points, 3, seed=3).tolist())
        [0, 3, 4]

    Source:
        Sener and Savarese, "Active learning for convolutional neural networks: a core-set
        approach", 2018, algorithm 1; used on patch features by Roth et al., "Towards total recall
        in industrial anomaly detection" (PatchCore), 2022, with a projection to 128 dimensions.
    """
    points = np.asarray(points, np.float32)
    _check(points, n_centres, projected_dim)
    if not len(points):
        return np.zeros(0, np.int64)
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(points), size=1)
    rows, halves = _prepare(points, projected_dim, generator)
    n_left = min(n_centres, len(points))
    if n_left == len(points):
        picks = np.arange(n_left)
    squares = np.full(len(points), np.inf, np.float32)  # of the distances; -1 for a centre
    centres = []
    reach = 0.0
    while True:
        centres.append(picks)
        n_left -= len(picks)
        if advance is not None:
            advance(len(picks))
        if not n_left:
            return np.concatenate(centres)
        _measure(squares, rows, halves, picks, reach=reach)
        picks, reach = _pick(squares, rows, halves, most=min(n_left, _PICKS))


@np.errstate(over="ignore", invalid="ignore")
def _prepare(
    points: NDArray[np.float32], projected_dim: int | None, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    dim = points.shape[1]
    if projected_dim is not None and projected_dim < dim:
        # Gaussian: squared distances keep their expectation (Johnson and Lindenstrauss).
        projection = generator.standard_normal((dim, projected_dim), np.float32)
        points = points @ (projection / np.float32(np.sqrt(projected_dim)))
    return augmented(points, column_means(points))


def _measure(
    squares: NDArray[np.float32],
    rows: NDArray[np.float32],
    halves: NDArray[np.float32],
    picks: NDArray[np.int64],
    *,
    reach: float,
) -> None:
    """Lower `squares` to the new centres, whose squared distance from all others is `reach`."""
    others = as_others(rows[picks], halves[picks])
    squares[picks] = -1
    # Triangle inequality: within half the reach of a centre, no new centre is nearer.
    concerned = np.flatnonzero(squares > reach / 4)

    def lower(part: slice) -> None:
        at = concerned[part]
        with tf.device("CPU:0"):
            largest = _largest(rows[at], others).numpy()
        squares[at] = np.minimum(squares[at], np.maximum(2 * (halves[at] - largest), 0))

    in_parts(lower, len(concerned), size=_ROWS)


def _pick(
    squares: NDArray[np.float32],
    rows: NDArray[np.float32],
    halves: NDArray[np.float32],
    *,
    most: int,
) -> tuple[NDArray[np.int64], float]:
    """The next centres, in order, and the squared distance of the last from all before it."""
    pool, beyond = _farthest(squares)
    halves = halves[pool]
    with tf.device("CPU:0"):
        products = _products(as_others(rows[pool], halves), rows[pool]).numpy()
    nearest = squares[pool]
    picks: list[int] = []
    reach = 0.0
    while len(picks) < most:
        best = int(nearest.argmax())
        if nearest[best] < beyond:
            break
        reach = float(nearest[best])
        picks.append(best)
        np.minimum(nearest, np.maximum(2 * (halves - products[best]), 0), out=nearest)
        nearest[best] = -1
    return pool[picks], reach


def _farthest(squares: NDArray[np.float32]) -> tuple[NDArray[np.int64], float]:
    """The candidates of a round, and the largest square among all other points."""
    if len(squares) <= _POOL:
        return np.arange(len(squares)), -1.0
    order = np.argpartition(squares, -_POOL - 1)
    return order[-_POOL:], float(squares[order[-_POOL - 1]])


def _check(points: NDArray[np.float32], n_centres: int, projected_dim: int | None) -> None:
    if points.ndim != 2:
        raise InputError(
            f"Expected points of shape (n_points, dim), got {points.shape}. Reshape feature maps "
            "to one row a position."
        )
    for name, value in (("n_centres", n_centres), ("projected_dim", projected_dim)):
        if value is not None and value < 1:
            raise InputError(f"Expected {name} to be at least 1, got {value}. Choose more.")
