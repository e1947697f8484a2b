"""Which point of one picture is which point of the other, by their vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from embedsvc.errors import InputError
from embedsvc.pairs.pair import Points
from embedsvc.vectors.checks import check_same_dim, check_vectors, unit_rows

_CELLS = 1 << 22
"""Similarities in memory at a time, 16 MB of them."""


@dataclass(frozen=True)
class Matches:
    """Matching rows of two sets of vectors, the most similar first.

    Attributes:
        rows_a: int64 array of shape (n_matches,), rows of the first set; each at most once.
        rows_b: int64 array of shape (n_matches,), the matching rows of the second set.
        similarity: float32 array of shape (n_matches,), the cosines.
        ratio: float32 array of shape (n_matches,), from 0 to 1: the distance to the match over the
            distance to the next best. Near 0 nothing else is alike, at 1 two are alike equally.
            NaN where there is no other one.
    """

    rows_a: NDArray[np.int64]
    rows_b: NDArray[np.int64]
    similarity: NDArray[np.float32]
    ratio: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows_a)


def match_points(
    vectors_a: ArrayLike,
    vectors_b: ArrayLike,
    *,
    mutual: bool = True,
    ratio: float | None = None,
    points_b: Points | None = None,
    radius: float = 8.0,
    chunk: int | None = None,
) -> Matches:
    """Match each vector with the nearest of the other set, by cosine.

    Args:
        vectors_a: numbers of shape (n_a, dim). Rows of zeros are like nothing and match nothing.
        vectors_b: numbers of shape (n_b, dim).
        mutual: whether each must be the nearest to the other.
        ratio: matches with a `Matches.ratio` above it are left out; None keeps all, and so do those
            without a ratio.
        points_b: where the vectors of the second set are. With these the next best is one outside
            of `radius`: two points at nearly the same place are alike, and no reason for doubt.
        radius: in pixels.
        chunk: how many rows of the first set are compared at a time; by default as many as need
            16 MB. The matches are the same.

    Returns:
        The matches, the most similar first.

    Raises:
        InputError: the shapes do not fit, NaN or infinity, or an option out of its range.

    Example:
        >>> match_points(np.eye(3), np.eye(3)[::-1]).rows_b.tolist()
        [2, 1, 0]

    Source:
        The ratio: D. G. Lowe, "Distinctive image features from scale-invariant keypoints",
        International Journal of Computer Vision 60, 2004, section 7.1.
    """
    a = check_vectors(vectors_a, name="vectors of the first picture")
    b = check_vectors(vectors_b, name="vectors of the second picture")
    check_same_dim(a, b)
    _check(ratio, radius, chunk, points_b, len(b))
    kept_a, kept_b = (np.flatnonzero(one.any(axis=1)) for one in (a, b))
    a, b = unit_rows(a[kept_a]), unit_rows(b[kept_b])
    if not len(a) or not len(b):
        return _sorted(*(np.empty(0, np.int64),) * 2, *(np.empty(0, np.float32),) * 2)
    near = None if points_b is None else _Near(np.asarray(points_b)[kept_b], radius)
    rows = chunk or max(1, _CELLS // len(b))
    nearest, second, back = _search(a, b, rows, near)
    rows_a = np.arange(len(a))
    similarity, ratios = _measured(a, b, nearest, second)
    found = back[nearest] == rows_a if mutual else np.ones(len(a), np.bool_)
    if ratio is not None:
        found &= ~(ratios > ratio)  # Not "<=": a comparison with NaN is false.
    return _sorted(kept_a[rows_a[found]], kept_b[nearest[found]], similarity[found], ratios[found])


class _Near:
    """Which points of a picture lie around one of them."""

    def __init__(self, points: Points, radius: float) -> None:
        self._points, self._radius, self._tree = points, radius, cKDTree(points)

    def around(self, chosen: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """For each chosen point the rows of all points around it, itself among them."""
        for found in self._tree.query_ball_point(self._points[chosen], self._radius):
            yield np.asarray(found, np.int64)


def _search(
    a: NDArray[np.float32], b: NDArray[np.float32], rows: int, near: _Near | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Nearest and next best (-1: none) in `b` of each of `a`, and nearest in `a` of each of `b`."""
    nearest, second = np.empty(len(a), np.int64), np.empty(len(a), np.int64)
    back, back_best = np.zeros(len(b), np.int64), np.full(len(b), -np.inf, np.float32)
    for start in range(0, len(a), rows):
        cosines = a[start : start + rows] @ b.T  # (rows, n_b)
        own = np.arange(len(cosines))
        best = cosines.argmax(axis=1)
        rival = cosines.argmax(axis=0)
        better = cosines[rival, np.arange(len(b))] > back_best
        back[better] = start + rival[better]
        back_best[better] = cosines[rival, np.arange(len(b))][better]
        if near is None:
            cosines[own, best] = -np.inf
        else:
            around = list(near.around(best))
            cosines[np.repeat(own, list(map(len, around))), np.concatenate(around)] = -np.inf
        rest = cosines.argmax(axis=1)
        nearest[start : start + rows] = best
        second[start : start + rows] = np.where(np.isinf(cosines[own, rest]), -1, rest)
    return nearest, second, back


def _measured(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    nearest: NDArray[np.int64],
    second: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and ratios, without what a product of blocks rounds off."""
    similarity = np.einsum("nd,nd->n", a, b[nearest])
    # Not from the cosine: of near vectors its difference from 1 is lost in rounding.
    distance = np.linalg.norm(a - b[nearest], axis=1)
    other = np.linalg.norm(a - b[second], axis=1)
    ratios = np.divide(distance, other, out=np.ones_like(other), where=other > 0)
    ratios[second < 0] = np.nan
    return similarity, np.minimum(ratios, 1)


def _sorted(
    rows_a: NDArray[np.int64],
    rows_b: NDArray[np.int64],
    similarity: NDArray[np.float32],
    ratio: NDArray[np.float32],
) -> Matches:
    order = np.argsort(-similarity, kind="stable")
    return Matches(rows_a[order], rows_b[order], similarity[order], ratio[order])


def _check(
    ratio: float | None, radius: float, chunk: int | None, points: Points | None, n: int
) -> None:
    if ratio is not None and not 0 < ratio <= 1:
        raise InputError(f"Expected a ratio above 0 and up to 1, got {ratio}. 0.8 is usual.")
    if not radius >= 0 or (chunk is not None and chunk < 1):
        raise InputError(
            f"Expected a radius of 0 or more and a chunk of 1 or more, got {radius} and {chunk}."
        )
    if points is not None and np.shape(points) != (n, 2):
        raise InputError(
            f"Expected a point for each of {n} vectors, shape ({n}, 2), got {np.shape(points)}."
        )
