"""Near duplicates: which rows to keep so that no two of them are too similar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from embedsvc.errors import InputError
from embedsvc.vectors.checks import check_vectors
from embedsvc.vectors.duplicate_search import DuplicateSearch
from embedsvc.vectors.similarity import inverse_lengths


@dataclass(frozen=True)
class Duplicates:
    """Which rows are kept, and what stands for the others.

    Attributes:
        kept: rising positions, int64 of shape (n_kept,).
        representative: for each row the position of the kept one that is most similar to it among
            those preferred to it; its own for one that is kept. Int64 of shape (n,).
        similarity: the cosine of the two; 1 for a row that is kept. Float32 of shape (n,).
    """

    kept: NDArray[np.int64]
    representative: NDArray[np.int64]
    similarity: NDArray[np.float32]


def find_duplicates(
    vectors: ArrayLike,
    *,
    threshold: float = 0.95,
    order: ArrayLike | None = None,
    seed: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> Duplicates:
    """Find rows that are nearly the same as another one.

    Rows are gone through in order of preference, and each that is too similar to one kept before
    is dropped. So every row that is dropped has a cosine of at least the threshold to one that is
    kept, and no two rows that are kept do. A row of zeros is similar to other rows of zeros, and to
    nothing else. The result is exact.

    Args:
        vectors: numbers of shape (n, dim); a memory map is read in blocks.
        threshold: the cosine from which two rows are duplicates, above 0, at most 1.
        order: all positions, the most preferred first; by default as they come.
        seed: of what makes the search fast; what is found does not depend on it.
        advance: called with the number of pairs just settled, n (n - 1) / 2 in all.

    Returns:
        The rows that are kept, and which of them stand for the others.

    Raises:
        InputError: no matrix of finite numbers, a threshold out of range, or an order that is none.

    Example:
        >>> find_duplicates([[1, 0], [0, 1], [2, 0.1]]).kept.tolist()
        [0, 1]
    """
    found = check_vectors(vectors)
    check_threshold(threshold)
    ranked = _checked_order(order, len(found))
    own = np.arange(len(found))
    representative, similarity = own.copy(), np.ones(len(found), np.float32)
    scales = inverse_lengths(found)[ranked]
    empty, rest = ranked[scales == 0], ranked[scales > 0]
    representative[empty] = empty[:1]
    advance(_pairs(len(found)) - _pairs(len(rest)))
    if len(rest):
        # Matrices are small, and several of them are multiplied at a time.
        with threadpool_limits(1):
            search = DuplicateSearch(
                found, rest, scales[scales > 0], threshold=threshold, seed=seed
            )
            search.run(advance)
        representative[rest] = rest[search.best]
        similarity[rest] = np.minimum(search.close, 1)
    return Duplicates(np.flatnonzero(representative == own), representative, similarity)


def check_threshold(threshold: float) -> None:
    """Check a cosine from which two rows are duplicates.

    Raises:
        InputError: it is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise InputError(
            f"Expected a threshold above 0 and at most 1, got {threshold}. 0.95 is usual for near "
            "duplicates, 1 for copies."
        )


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def _checked_order(order: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if order is None:
        return np.arange(n)
    given = np.asarray(order)
    if given.shape != (n,) or not np.array_equal(np.sort(given), np.arange(n)):
        raise InputError(
            f"Expected an order that holds each of the {n:,} positions from 0 once, got another. "
            "Make it with np.argsort."
        )
    return given.astype(np.int64)
