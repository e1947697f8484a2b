"""An index of inverted lists: only the vectors near to the same centres as a query are searched.

What is found is nearly all of what an exact search finds; how nearly is measured on some of the
vectors themselves. Building takes a pass over all vectors, so that it pays where many queries are
asked, above all for the neighbours of every vector; for a thousand queries an exact search is done
before the index is built.

Source: Sivic, Zisserman: Video Google, 2003; Jégou, Douze, Schmid: Product quantization for nearest
neighbor search, 2011.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from embedsvc.cores import on_all_cores
from embedsvc.errors import InputError
from embedsvc.vectors.checks import check_same_dim, check_vectors
from embedsvc.vectors.similarity import inverse_lengths, top_k, true_places

_ROWS_A_LIST = 500
_SAMPLE_A_LIST = 64
_MOST_LISTS = 4096
_BLOCK = 32_768
_JUDGED = 500
_PROBES = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
WANTED_RECALL = 0.95
"""So much of what an exact search finds the index finds at least, where that is possible."""

Advance = Callable[[int], None]

_Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Queries, vectors and cosines, pair by pair."""

_NOTHING: _Found = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


class InvertedLists:
    """Finds nearly all of the nearest vectors by cosine.

    Args:
        vectors: numbers of shape (n, dim), at least one; they are kept, not copied.
        n_lists: how many lists; by default one for 500 vectors.
        n_probes: how many lists are searched for a query; by default as many as it takes to find
            95 % of what an exact search finds.
        seed: equal seeds give equal lists.

    Attributes:
        n_probes: how many lists are searched for a query.
        recall: the share of the ten nearest neighbours that is found, measured on 500 of the
            vectors.

    Example:
        >>> index = InvertedLists(vectors)
        >>> positions, cosines = index.search(queries, k=10)
    """

    def __init__(
        self,
        vectors: ArrayLike,
        *,
        n_lists: int | None = None,
        n_probes: int | None = None,
        seed: int = 0,
    ) -> None:
        self._vectors = check_vectors(vectors, least=1)
        n = len(self._vectors)
        if (n_lists is not None and n_lists < 1) or (n_probes is not None and n_probes < 1):
            raise InputError(
                f"Expected at least one list and one probe, got {n_lists} and {n_probes}. Leave "
                "them out: usual numbers are chosen."
            )
        self._scales = inverse_lengths(self._vectors)
        count = max(1, min(_MOST_LISTS, n // _ROWS_A_LIST)) if n_lists is None else min(n, n_lists)
        with threadpool_limits(1):
            self._centres = self._learn(count, seed)
            nearest = self._parted()
        self._members = np.argsort(nearest, kind="stable")
        self._starts = np.searchsorted(nearest[self._members], np.arange(count + 1))
        self._calibrate(n_probes, seed)

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, queries: ArrayLike, *, k: int, advance: Advance = lambda count: None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Nearly all of the k vectors most similar to each query, best first.

        Args:
            queries: numbers of shape (n_queries, dim).
            k: how many.
            advance: called with the number of queries just done.

        Returns:
            Positions, int64 of shape (n_queries, k), and cosines, float32 of the same shape; -1 and
            NaN where the lists searched held fewer.

        Raises:
            InputError: another dim, NaN or infinity, or k below 1.
        """
        if k < 1:
            raise InputError(f"Expected k to be at least 1, got {k}. Ask for one or more.")
        found = check_vectors(queries, name="queries")
        check_same_dim(found, self._vectors)
        scales = inverse_lengths(found)
        k = min(k, len(self._vectors))
        positions = np.full((len(found), k), -1)
        cosines = np.full((len(found), k), -np.inf, np.float32)
        with threadpool_limits(1):
            for start in range(0, len(found), _BLOCK):
                part = slice(start, start + _BLOCK)
                units = found[part] * scales[part, np.newaxis]
                self._search_block(units, positions[part], cosines[part])
                advance(len(units))
        return positions, np.where(positions < 0, np.float32(np.nan), cosines)

    def _search_block(
        self,
        units: NDArray[np.float32],
        positions: NDArray[np.int64],
        cosines: NDArray[np.float32],
    ) -> None:
        """Search for some queries, in place, list by list, so that each list is read once."""
        probes = min(self.n_probes, len(self._centres))
        nearness = units @ self._centres.T
        lists = np.argpartition(-nearness, probes - 1, axis=1)[:, :probes]
        first = nearness.argmax(axis=1)
        lists[lists == first[:, np.newaxis]] = -1
        # What the nearest list holds leaves little to be looked at in the others.
        bound = np.full(len(units), -np.inf, np.float32)
        nearest = self._search_lists(units, first[:, np.newaxis], bound, positions.shape[1])
        _keep_best(nearest, positions, cosines)
        others = self._search_lists(units, lists, cosines[:, -1], positions.shape[1])
        _keep_best(others, positions, cosines)

    def _search_lists(
        self,
        units: NDArray[np.float32],
        lists: NDArray[np.int64],
        bound: NDArray[np.float32],
        k: int,
    ) -> list[_Found]:
        """Search lists, those of each query in a row, for what is above the bound."""
        order = np.argsort(lists.ravel(), kind="stable")
        ends = np.searchsorted(lists.ravel()[order], np.arange(len(self._centres) + 1))

        def search(one: int) -> _Found:
            asked = order[ends[one] : ends[one + 1]] // lists.shape[1]
            members = self._members[self._starts[one] : self._starts[one + 1]]
            return self._in_list(units, asked, members, bound, k)

        return on_all_cores(search, range(len(self._centres)))

    def _in_list(
        self,
        units: NDArray[np.float32],
        asked: NDArray[np.int64],
        members: NDArray[np.int64],
        bound: NDArray[np.float32],
        k: int,
    ) -> _Found:
        if not len(asked) or not len(members):
            return _NOTHING
        products = units[asked] @ (self._vectors[members] * self._scales[members, np.newaxis]).T
        rows, columns = true_places(products > bound[asked, np.newaxis])
        width = min(k, len(members))
        if len(rows) > 4 * width * len(asked):
            columns = np.argpartition(-products, width - 1, axis=1)[:, :width].ravel()
            rows = np.repeat(np.arange(len(asked)), width)
        return asked[rows], members[columns], products[rows, columns]

    def _learn(self, count: int, seed: int) -> NDArray[np.float32]:
        """Centres of length 1 from a sample."""
        chosen = np.random.default_rng(seed).permutation(len(self))[: count * _SAMPLE_A_LIST]
        units = self._vectors[chosen] * self._scales[chosen, np.newaxis]
        if count == 1:
            return units[:1]
        means = MiniBatchKMeans(
            count, init="random", n_init=1, max_iter=20, batch_size=8192, random_state=seed
        )
        centres = np.asarray(means.fit(units).cluster_centers_, np.float32)
        return centres * inverse_lengths(centres)[:, np.newaxis]

    def _parted(self) -> NDArray[np.int64]:
        """The list of each vector."""

        def nearest(part: slice) -> NDArray[np.int64]:
            # Scales change no order.
            return np.asarray((self._vectors[part] @ self._centres.T).argmax(axis=1))

        parts = [slice(at, at + 8192) for at in range(0, len(self), 8192)]
        return np.concatenate(on_all_cores(nearest, parts))

    def _calibrate(self, n_probes: int | None, seed: int) -> None:
        """Choose how many lists to search, and measure what is found."""
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:_JUDGED])
        queries = self._vectors[chosen]
        k = min(11, len(self))  # itself and ten more
        _, exact = top_k(queries, self._vectors, k=k)
        choices = (n_probes,) if n_probes is not None else _PROBES
        for probes in choices:
            self.n_probes = min(probes, len(self._centres))
            _, close = self.search(queries, k=k)
            # By value: of equally near ones either will do. Each finds itself, which counts not.
            found = (close >= exact[:, -1:] - 1e-6).sum(axis=1).clip(1, k) - 1
            self.recall = float(found.mean() / (k - 1)) if k > 1 else 1.0
            if self.recall >= WANTED_RECALL or self.n_probes == len(self._centres):
                break


def _keep_best(
    found: list[_Found], positions: NDArray[np.int64], cosines: NDArray[np.float32]
) -> None:
    """Put what was found among the best of its rows, in place; of equal ones the first stay."""
    n, k = positions.shape
    rows = np.concatenate([np.repeat(np.arange(n), k), *(one[0] for one in found)])
    near = np.concatenate([positions.ravel(), *(one[1] for one in found)])
    close = np.concatenate([cosines.ravel(), *(one[2] for one in found)])
    order = np.lexsort((near, -close, rows))
    starts = np.searchsorted(rows[order], np.arange(n))
    kept = order[starts[:, np.newaxis] + np.arange(k)]
    positions[:], cosines[:] = near[kept], close[kept]
