"""How often descriptors find the same place in another picture.

Point i of image a and point i of image b are the same place. Each point of a is matched with the
point of b whose descriptor is most like its own, without any rule for what to leave out: the
figures are those of the descriptor, not of a matcher.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score

from embedsvc.errors import InputError

_BLOCK = 4_000_000
"""Cosines in memory at a time."""


def matching_accuracy(
    vectors_a: ArrayLike,
    vectors_b: ArrayLike,
    points_b: ArrayLike,
    *,
    thresholds: Sequence[float] = (1, 3, 5, 10),
) -> dict[float, float]:
    """The share of points of a whose match lies within some pixels of the true one.

    The mean of it over pairs of images is the mean matching accuracy.

    Args:
        vectors_a: descriptors of the points of image a; numbers of shape (n_points, dim), compared
            by their cosine.
        vectors_b: of the same points in image b, in the same order.
        points_b: where these lie in b, in pixels; numbers of shape (n_points, 2).
        thresholds: distances in pixels; one at just such a distance is still right.

    Returns:
        The share by threshold, 0 to 1.

    Raises:
        InputError: unequal counts, no points, other shapes, numbers that are not finite, or a
            threshold below 0.

    Example:
        >>> matching_accuracy([[1, 0], [0, 1]], [[1, 0], [1, -1]], [[0, 0], [4, 0]])
        {1: 0.5, 3: 0.5, 5: 1.0, 10: 1.0}

    Source: K. Mikolajczyk, C. Schmid: A performance evaluation of local descriptors, 2005; as the
        mean over thresholds and pairs in D2-Net, Dusmanu et al. 2019,
        https://arxiv.org/abs/1905.03561.
    """
    limits = _checked_thresholds(thresholds)
    _, distances = _nearest(vectors_a, vectors_b, points_b)
    return {limit: float(np.mean(distances <= limit)) for limit in limits}


def matching_ap(
    vectors_a: ArrayLike, vectors_b: ArrayLike, points_b: ArrayLike, *, threshold: float = 5.0
) -> float:
    """Average precision of the matches of all points of a, the most similar first.

    It asks for more than accuracy: right matches should also be more alike than wrong ones, so
    that a limit on similarity can part them. As in HPatches, matches are ranked by the similarity
    of the two descriptors (not by a ratio, which is the matcher's affair), and the recall is of all
    points, not only of those that were matched rightly: the figure is at most the accuracy.

    Args:
        vectors_a: descriptors of the points of image a; numbers of shape (n_points, dim), compared
            by their cosine.
        vectors_b: of the same points in image b, in the same order.
        points_b: where these lie in b, in pixels; numbers of shape (n_points, 2).
        threshold: a match within so many pixels of the true one is right.

    Returns:
        From 0, no match is right, to 1, all are.

    Raises:
        InputError: as `matching_accuracy`.

    Source: HPatches, Balntas et al. 2017, https://arxiv.org/abs/1704.05939, section 5.2; the area
        in steps, as scikit-learn has it.
    """
    (limit,) = _checked_thresholds([threshold])
    cosines, distances = _nearest(vectors_a, vectors_b, points_b)
    is_right = distances <= limit
    if not is_right.any():
        return 0.0
    return float(average_precision_score(is_right, cosines) * np.mean(is_right))


def _nearest(
    vectors_a: ArrayLike, vectors_b: ArrayLike, points_b: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The cosine of each match, and its distance to the true one; both of shape (n_points,)."""
    a = _unit_rows(_checked(vectors_a, name="vectors_a"))
    b = _unit_rows(_checked(vectors_b, name="vectors_b"))
    points = _checked(points_b, name="points_b")
    if not (len(a) == len(b) == len(points) > 0) or a.shape[1] != b.shape[1]:
        raise InputError(
            "Expected vectors_a and vectors_b of one shape (n_points, dim) and points_b of shape "
            f"(n_points, 2), one point or more, got {a.shape}, {b.shape} and {points.shape}. "
            "Describe the same points in both images."
        )
    if points.shape[1] != 2:
        raise InputError(f"Expected points_b of shape (n_points, 2), got {points.shape}.")
    nearest = np.empty(len(a), np.int64)
    cosines = np.empty(len(a), np.float32)
    step = max(1, _BLOCK // len(b))
    for start in range(0, len(a), step):
        block = a[start : start + step] @ b.T
        nearest[start : start + step] = block.argmax(axis=1)
        cosines[start : start + step] = block.max(axis=1)
    return cosines, np.hypot(*(points[nearest] - points).T)


def _checked(values: ArrayLike, *, name: str) -> NDArray[np.float64]:
    try:
        found = np.asarray(values)
    except ValueError as err:
        raise InputError(
            f"Expected {name} as one matrix, got rows of different lengths. Give each point one "
            "row of as many numbers."
        ) from err
    if found.ndim != 2 or not found.shape[1] or found.dtype.kind not in "fiu":
        raise InputError(
            f"Expected {name} to be numbers of shape (n_points, ...), one row a point, got "
            f"{found.dtype} of shape {found.shape}."
        )
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(wrong):
        raise InputError(
            f"Expected finite {name}, got NaN or infinity in {len(wrong)} of {len(found)} rows, "
            f"the first in row {wrong[0]} (counted from 0). Look at what made them."
        )
    return found.astype(np.float64)


def _unit_rows(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scaled to length 1; zeros stay zeros, which are like nothing."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    rows = vectors / np.where(largest > 0, largest, 1)  # the squares of huge ones overflow
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _checked_thresholds(thresholds: Sequence[float]) -> list[float]:
    wrong = [limit for limit in thresholds if not limit >= 0]
    if wrong:
        raise InputError(f"Expected thresholds of 0 pixels or more, got {wrong[0]}.")
    return list(thresholds)
