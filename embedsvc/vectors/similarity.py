"""Exact nearest neighbours and similarities, in blocks that fit the processor's cache.

The product of two blocks is compared with the worst of each query's k best so far. After the first
few blocks hardly anything is better, so that a search costs little more than the products alone.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from embedsvc.cores import available_cores, on_all_cores
from embedsvc.errors import InputError
from embedsvc.vectors.checks import check_same_dim, check_vectors, unit_rows

Metric = Literal["cosine", "dot", "euclidean"]
METRICS: tuple[Metric, ...] = get_args(Metric)

_QUERIES = 512
_VECTORS = 4096
# Rows that are prepared at a time, and numbers that are gathered at a time.
_CHUNK = 65_536
_GATHERED = 2**22


def top_k(
    queries: ArrayLike, vectors: ArrayLike, *, k: int, metric: Metric = "cosine"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k vectors most similar to each query, best first, found by comparing with all of them.

    Args:
        queries: numbers of shape (n_queries, dim).
        vectors: numbers of shape (n_vectors, dim); a memory map is read in blocks.
        k: how many; at most n_vectors are returned.
        metric: "cosine", "dot", or "euclidean", by which near is similar. To a row of zeros every
            cosine is 0.

    Returns:
        Positions in `vectors`, int64 of shape (n_queries, k), and cosines, products or distances,
        float32 of the same shape. Equal ones come in the order of the vectors.

    Raises:
        InputError: the shapes do not fit, NaN or infinity, an unknown metric, k below 1.

    Example:
        >>> positions, cosines = top_k(np.eye(2), np.eye(2), k=1)
        >>> positions.ravel().tolist()
        [0, 1]
    """
    found = check_vectors(vectors)
    search = Search(queries, k=k if k < 1 else max(1, min(k, len(found))), metric=metric)
    search.add(found)
    positions, scores = search.result()
    return positions[:, : len(found)], scores[:, : len(found)]


class Search:
    """The k nearest among vectors that come in blocks, as those of a file too large for memory.

    Args:
        queries: numbers of shape (n_queries, dim).
        k: how many to keep for each query.
        metric: see `top_k`.

    Raises:
        InputError: no matrix of finite numbers, an unknown metric, k below 1.

    Example:
        >>> search = Search(queries, k=10)
        >>> for block in blocks:
        ...     search.add(block)
        >>> positions, cosines = search.result()
    """

    def __init__(self, queries: ArrayLike, *, k: int, metric: Metric = "cosine") -> None:
        self._queries = check_vectors(queries, name="queries")
        self._metric = check_metric(metric)
        if k < 1:
            raise InputError(
                f"Expected k to be at least 1, got {k}. Ask for one neighbour or more."
            )
        if metric == "cosine":
            self._queries = unit_rows(self._queries)
        n = len(self._queries)
        self._k = k
        self._seen = 0
        self._shift: NDArray[np.float32] | None = None
        self._positions = np.full((n, k), -1, np.int64)
        self._scores = np.full((n, k), -np.inf, np.float32)  # higher = nearer

    def add(self, vectors: ArrayLike) -> None:
        """Look among more vectors; their positions go on where the last ones ended.

        Args:
            vectors: numbers of shape (n, dim).

        Raises:
            InputError: another dim than that of the queries, or NaN or infinity.
        """
        found = check_vectors(vectors)
        check_same_dim(self._queries, found)
        for start in range(0, len(found), _CHUNK):
            self._add_chunk(found[start : start + _CHUNK])

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `top_k` returns it; positions are -1 and scores NaN where there were fewer than k."""
        missing = self._positions < 0
        scores = -self._scores if self._metric == "euclidean" else self._scores
        return self._positions.copy(), np.where(missing, np.float32(np.nan), scores)

    def _add_chunk(self, vectors: NDArray[np.float32]) -> None:
        if self._metric == "euclidean" and self._shift is None and len(vectors):
            # Products lose the fewest digits near the middle of all.
            self._shift = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        prepared = _prepare(vectors, self._metric, self._shift)
        n = len(self._queries)
        parts = [slice(at, min(n, at + _QUERIES)) for at in range(0, n, _QUERIES)]
        with one_thread_a_product(len(parts)):
            on_all_cores(lambda part: self._search(part, prepared), parts)
        self._seen += len(vectors)

    def _search(self, part: slice, chunk: _Chunk) -> None:
        queries = self._queries[part]
        centred = queries if self._shift is None else queries - self._shift
        positions, scores = self._positions[part], self._scores[part]
        start = 0
        while start < len(chunk.vectors):
            # At first everything is among the k best: wide blocks only once there is a choice.
            width = min(_VECTORS, max(self._k, 16, self._seen + start))
            block = slice(start, start + width)
            products = chunk.closeness(centred, block)
            better = products > self._bound(queries, scores)[:, np.newaxis]
            rows, columns = true_places(better)
            if len(rows):
                found = columns + start
                exact = _measure(queries, rows, chunk.vectors, found, self._metric)
                self._merge(positions, scores, rows, found + self._seen, exact)
            start += width

    def _bound(
        self, queries: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What a product has to exceed to be among the k best."""
        worst = scores[:, -1]
        if self._metric != "euclidean":
            return worst
        moved = queries if self._shift is None else queries - self._shift
        # Of |q - x|^2 = |q|^2 - 2 (q.x - |x|^2 / 2) the bracket is what is computed.
        return np.asarray((np.einsum("nd,nd->n", moved, moved) - np.square(worst)) / 2, np.float32)

    def _merge(
        self,
        positions: NDArray[np.int64],
        scores: NDArray[np.float32],
        rows: NDArray[np.int64],
        found: NDArray[np.int64],
        exact: NDArray[np.float32],
    ) -> None:
        """Put candidates among the k best of their rows, in place; of equal ones the first stay."""
        touched, inverse = np.unique(rows, return_inverse=True)
        owners = np.concatenate([np.repeat(np.arange(len(touched)), self._k), inverse])
        all_positions = np.concatenate([positions[touched].ravel(), found])
        all_scores = np.concatenate([scores[touched].ravel(), exact])
        order = np.lexsort((all_positions, -all_scores, owners))
        starts = np.searchsorted(owners[order], np.arange(len(touched)))
        kept = order[starts[:, np.newaxis] + np.arange(self._k)]
        positions[touched], scores[touched] = all_positions[kept], all_scores[kept]


def similarity_matrix(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    metric: Metric = "cosine",
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Compare each of some vectors with each of others.

    Args:
        a: numbers of shape (n, dim).
        b: numbers of shape (m, dim); by default `a` itself.
        metric: "cosine", "dot" or "euclidean".
        out: where to write, float32 of shape (n, m); with a memory map the result may be larger
            than memory, as it is computed in blocks.

    Returns:
        Cosines, products or distances, float32 of shape (n, m).

    Raises:
        InputError: the shapes do not fit, NaN or infinity, an unknown metric.

    Example:
        >>> similarity_matrix(np.eye(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    left = check_vectors(a, name="a")
    right = left if b is None else check_vectors(b, name="b")
    check_metric(metric)
    check_same_dim(left, right)
    shape = (len(left), len(right))
    if out is None:
        out = np.empty(shape, np.float32)
    elif out.shape != shape or out.dtype != np.float32:
        raise InputError(
            f"Expected out to be float32 of shape {shape}, got {out.dtype} of shape {out.shape}. "
            "Make it with np.empty(shape, np.float32) or np.lib.format.open_memmap."
        )
    target = out
    shift = left.mean(axis=0) if metric == "euclidean" and len(left) else None
    for start in range(0, len(right), _VECTORS):
        columns = slice(start, start + _VECTORS)
        chunk = _prepare(right[columns], metric, shift)

        def fill(rows: slice, chunk: _Chunk = chunk, columns: slice = columns) -> None:
            queries = unit_rows(left[rows]) if metric == "cosine" else left[rows]
            moved = queries if shift is None else queries - shift
            close = chunk.closeness(moved, slice(0, len(chunk.vectors)))
            if metric == "euclidean":
                squares = np.einsum("nd,nd->n", moved, moved)[:, np.newaxis] - 2 * close
                close = np.sqrt(np.maximum(squares, 0))
            target[rows, columns] = close

        parts = [slice(at, at + _QUERIES) for at in range(0, len(left), _QUERIES)]
        with one_thread_a_product(len(parts)):
            on_all_cores(fill, parts)
    return out


def check_metric(metric: str) -> Metric:
    """A metric's name.

    Raises:
        InputError: there is none of that name.
    """
    if metric not in METRICS:
        raise InputError(f"Expected a metric out of {', '.join(METRICS)}, got {metric!r}.")
    return metric


def one_thread_a_product(n_parts: int) -> Any:
    """A context in which each matrix product has one thread, where all cores have a part."""
    if n_parts < available_cores():
        return nullcontext()
    return threadpool_limits(1, user_api="blas")


def true_places(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of what is true, by row: where that is little, faster than np.nonzero."""
    flat = np.flatnonzero(mask)
    rows = flat // mask.shape[1]
    return rows, flat - rows * mask.shape[1]


@dataclass(frozen=True)
class _Chunk:
    """Some vectors, made ready for products.

    Attributes:
        vectors: as they came, float32 of shape (n, dim).
        rows: what products are taken with; moved to the middle for distances.
        factors: of the products, shape (n,), or None.
        terms: added to the products, shape (n,), or None.
    """

    vectors: NDArray[np.float32]
    rows: NDArray[np.float32]
    factors: NDArray[np.float32] | None
    terms: NDArray[np.float32] | None

    def closeness(self, queries: NDArray[np.float32], block: slice) -> NDArray[np.float32]:
        """Higher = nearer, of shape (n_queries, n_block)."""
        products = queries @ self.rows[block].T
        if self.factors is not None:
            products *= self.factors[block]
        if self.terms is not None:
            products += self.terms[block]
        return products


def _prepare(
    vectors: NDArray[np.float32], metric: Metric, shift: NDArray[np.float32] | None
) -> _Chunk:
    if metric == "cosine":
        return _Chunk(vectors, vectors, inverse_lengths(vectors), None)
    if metric == "dot" or shift is None:
        return _Chunk(vectors, vectors, None, None)
    moved = vectors - shift
    return _Chunk(vectors, moved, None, np.einsum("nd,nd->n", moved, moved) / -2)


def inverse_lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """One over the length of each row, float32 of shape (n,); 0 where that is not to be had.

    Rows of zeros have none, nor have those shorter than 1e-38.
    """
    lengths = np.empty(len(vectors))
    for start in range(0, len(vectors), _CHUNK):
        block = vectors[start : start + _CHUNK]
        # Squares of short rows would be 0 in single precision.
        lengths[start : start + _CHUNK] = np.einsum("nd,nd->n", block, block, dtype=np.float64)
    np.sqrt(lengths, out=lengths)
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 1e-38)
    return inverse.astype(np.float32)


def _measure(
    queries: NDArray[np.float32],
    rows: NDArray[np.int64],
    vectors: NDArray[np.float32],
    columns: NDArray[np.int64],
    metric: Metric,
) -> NDArray[np.float32]:
    """Scores of single pairs, each by itself: the same whatever else is in the block.

    Returns:
        Higher = nearer: cosines, products or negative distances, shape (n_pairs,).
    """
    scores = np.empty(len(rows), np.float32)
    size = max(1, _GATHERED // vectors.shape[1])
    for start in range(0, len(rows), size):
        pairs = slice(start, start + size)
        left, right = queries[rows[pairs]], vectors[columns[pairs]]
        if metric == "euclidean":
            left = left - right
            scores[pairs] = -np.sqrt(np.einsum("nd,nd->n", left, left))
            continue
        scores[pairs] = np.einsum("nd,nd->n", left, right)
        if metric == "cosine":
            scores[pairs] *= inverse_lengths(right)
    return scores
