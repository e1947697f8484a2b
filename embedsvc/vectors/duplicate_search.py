"""The search for near duplicates: exact, without a look at most pairs in full.

The first half of the rows is settled, the second half is compared with what was kept of it, and
then settled itself; halves in the same way. Rows are compared in short (`short_rows`), and only
the few pairs that may be similar enough in full. A list of all similar pairs is never made.

Cells around centres, out of which a row can be shown to have nothing near, were tried as well: of
a million vectors of sentences they left out 4 pairs in 10 at a threshold of 0.95, and 1 at 0.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.cores import on_all_cores
from embedsvc.vectors.short_rows import ROUNDING, Shortening, fit_shortening
from embedsvc.vectors.similarity import true_places

SAME = 1e-6
"""By how much a cosine may miss the threshold: rounding parts even copies by as much."""

_LEAF = 64
_TILE = 1024
_TILES_A_STEP = 16
_SAMPLE = 65_536
# Numbers that are gathered at a time.
_GATHERED = 2**20
# Of the pairs of a tile: where more of them have to be looked at, all are multiplied in full.
_MANY = 0.02


@dataclass(frozen=True)
class _Pairs:
    """Pairs of ranks, the second one preferred, and their cosines; each of shape (n_pairs,)."""

    rows: NDArray[np.int64]
    others: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def best(self) -> _Pairs:
        """Of each row the pair with the highest cosine; of equal ones the most preferred."""
        order = np.lexsort((self.others, -self.cosines, self.rows))
        rows = self.rows[order]
        return self.part(order[np.flatnonzero(np.diff(rows, prepend=-1))])

    def part(self, chosen: slice | NDArray[np.int64] | NDArray[np.bool_]) -> _Pairs:
        return _Pairs(self.rows[chosen], self.others[chosen], self.cosines[chosen])


_NONE = _Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def _joined(parts: list[_Pairs]) -> _Pairs:
    some = [_NONE, *(part for part in parts if len(part.rows))]
    return _Pairs(
        np.concatenate([part.rows for part in some]),
        np.concatenate([part.others for part in some]),
        np.concatenate([part.cosines for part in some]),
    )


class DuplicateSearch:
    """Goes through rows by their rank, the most preferred first.

    Args:
        vectors: float32 array of shape (n, dim), without NaN.
        order: positions of the rows by rank; none of zeros only. Shape (n_ranks,).
        scales: one over the length of each, by rank; of shape (n_ranks,).
        threshold: the cosine from which a row is dropped.
        seed: of the sample that short rows are learned from.

    Attributes:
        best: of each rank the rank that stands for it: its own, if it is kept.
        close: the cosine of the two.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        order: NDArray[np.int64],
        scales: NDArray[np.float32],
        *,
        threshold: float,
        seed: int,
    ) -> None:
        self._vectors = np.asarray(vectors)  # a map's own way to rows is slow
        self._order = order
        self._scales = scales
        self._threshold = threshold
        n = len(order)
        self.best = np.arange(n)
        self.close = np.ones(n, np.float32)
        sample = np.sort(np.random.default_rng(seed).permutation(n)[:_SAMPLE])
        shortening = fit_shortening(self._units(sample), threshold=threshold, seed=seed)
        self._short = self._shortened(shortening)

    def run(self, advance: Callable[[int], None]) -> None:
        """Settle all rows; `advance` is called with the number of pairs just settled."""
        self._settle(0, len(self._order), advance)

    def _settle(self, start: int, end: int, advance: Callable[[int], None]) -> None:
        """Decide which rows of a stretch are kept, all before it being compared already."""
        n = end - start
        if n <= _LEAF:
            self._settle_leaf(np.arange(start, end))
            advance(n * (n - 1) // 2)
            return
        middle = start + n // 2
        self._settle(start, middle, advance)
        kept = start + np.flatnonzero(self.best[start:middle] == np.arange(start, middle))
        step = _TILE * _TILES_A_STEP
        for at in range(middle, end, step):
            stop = min(end, at + step)
            tiles = [np.arange(to, min(stop, to + _TILE)) for to in range(at, stop, _TILE)]
            self._note(_joined(on_all_cores(lambda tile: self._nearest(tile, kept), tiles)))
            advance((stop - at) * (middle - start))
        self._settle(middle, end, advance)

    def _settle_leaf(self, leaf: NDArray[np.int64]) -> None:
        """The same for a few rows, one by one."""
        standing = leaf[self.best[leaf] == leaf]
        rows, columns = true_places(self._products(leaf, standing) >= self._bound)
        earlier = standing[columns] < leaf[rows]
        pairs = self._measured(leaf[rows[earlier]], standing[columns[earlier]])
        start = 0
        for end in (np.flatnonzero(np.diff(pairs.rows, append=-1)) + 1).tolist():
            own = pairs.part(slice(start, end))
            start = end
            self._note(own.part(self.best[own.others] == own.others))

    def _nearest(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> _Pairs:
        """Of each row the most similar of the others, where one is similar enough."""
        steps = range(0, len(others), _TILE)
        return _joined([self._nearest_in_tile(rows, others[at : at + _TILE]) for at in steps])

    def _nearest_in_tile(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> _Pairs:
        products = self._products(rows, others)
        first, second = true_places(products >= self._bound)
        if not len(first):
            return _NONE
        if len(first) > _MANY * products.size:
            products = self._units(rows) @ self._units(others).T
            first = np.flatnonzero(products.max(axis=1) >= self._bound)
            second = products.argmax(axis=1)[first]
        return self._measured(rows[first], others[second]).best()

    @property
    def _bound(self) -> np.float32:
        return np.float32(self._threshold - ROUNDING)

    def _products(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(self._short[rows] @ self._short[others].T)

    def _measured(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> _Pairs:
        """The pairs that are similar enough, each measured by itself."""
        cosines = np.empty(len(rows), np.float32)
        size = max(1, _GATHERED // self._vectors.shape[1])
        for start in range(0, len(rows), size):
            pairs = slice(start, start + size)
            left, right = self._units(rows[pairs]), self._units(others[pairs])
            cosines[pairs] = np.einsum("nd,nd->n", left, right)
        return _Pairs(rows, others, cosines).part(cosines >= self._threshold - SAME)

    def _note(self, pairs: _Pairs) -> None:
        """Remember what is most similar to each row so far."""
        if not len(pairs.rows):
            return
        found = pairs.best()
        new = self.best[found.rows] == found.rows
        found = found.part(new | (found.cosines > self.close[found.rows]))
        self.best[found.rows], self.close[found.rows] = found.others, found.cosines

    def _units(self, ranks: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = self._vectors[self._order[ranks]]
        rows *= self._scales[ranks][:, np.newaxis]
        return rows

    def _shortened(self, shortening: Shortening) -> NDArray[np.float32]:
        n = len(self._order)
        short: NDArray[np.float32] | None = None
        for at in range(0, n, _TILE * _TILES_A_STEP):
            block = np.arange(at, min(n, at + _TILE * _TILES_A_STEP))
            rows = shortening.shorten(self._units(block))
            if short is None:
                short = np.empty((n, rows.shape[1]), np.float32)
            short[block] = rows
        return np.empty((0, 1), np.float32) if short is None else short
