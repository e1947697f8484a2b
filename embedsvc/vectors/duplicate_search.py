"""The search for near duplicates: exact, without a look at most pairs.

Rows come in blocks. A block is compared with what earlier blocks kept, cell by cell and only where
a cell is within reach (`cells`), and then part by part with what it keeps itself. Rows are compared
in short (`short_rows`), and the few pairs that may be similar enough in full. A list of all similar
pairs is never made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.cores import available_cores, on_all_cores
from embedsvc.vectors.cells import Cells, fit_cells, within_reach
from embedsvc.vectors.short_rows import ROUNDING, Shortening, fit_shortening
from embedsvc.vectors.similarity import true_places

SAME = 1e-6
"""By how much a cosine may miss the threshold: rounding parts even copies by as much."""

_BLOCK = 32_768
_LEAST_BLOCK = 2048
_PART = 512
_TILE = 1024
_ROWS_A_CELL = 1000
_MOST_CELLS = 1024
_SAMPLE = 65_536
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
        first = order[np.flatnonzero(np.diff(rows, prepend=-1))]
        return _Pairs(self.rows[first], self.others[first], self.cosines[first])


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
        seed: of the sample that cells and short rows are learned from.

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
        self._threshold = threshold
        n = len(order)
        self.best = np.arange(n)
        self.close = np.ones(n, np.float32)
        self._scales = scales
        sample = np.sort(np.random.default_rng(seed).permutation(n)[:_SAMPLE])
        units = self._units(sample)
        shortening = fit_shortening(units, threshold=threshold, seed=seed)
        n_cells = min(_MOST_CELLS, n // _ROWS_A_CELL)
        self._cells: Cells = fit_cells(shortening.shorten(units), n_cells, seed=seed)
        self._short = self._shortened(shortening)

    def run(self, advance: Callable[[int], None]) -> None:
        """Settle all rows; `advance` is called with the number of pairs just settled."""
        n = len(self._order)
        size = min(_BLOCK, max(_LEAST_BLOCK, n // 32))
        kept = _Kept(len(self._cells))
        distances = self._cells.distances()
        for start in range(0, n, size):
            block = np.arange(start, min(n, start + size))
            nearness = self._cells.nearness(self._short[block])
            own = nearness.argmax(axis=0)
            if len(kept):
                self._note(self._among_kept(block, kept, nearness, own, distances))
            self._settle_block(block)
            new = self.best[block] == block
            kept.add(block[new], own[new])
            advance(len(block) * (2 * start + len(block) - 1) // 2)

    def _among_kept(
        self,
        block: NDArray[np.int64],
        kept: _Kept,
        nearness: NDArray[np.float32],
        own: NDArray[np.int64],
        distances: NDArray[np.float32],
    ) -> _Pairs:
        reach = float(np.sqrt(max(0, 2 - 2 * self._threshold) + 2 * ROUNDING))

        def search(cell: int) -> _Pairs:
            others = kept.of_cell(cell)
            if not len(others):
                return _NONE
            near = within_reach(nearness, own, distances, cell, reach)
            return self._nearest(block[near], others)

        return _joined(on_all_cores(search, range(len(self._cells))))

    def _settle_block(self, block: NDArray[np.int64]) -> None:
        """Compare rows of a block with those before them in it, and decide which are kept."""
        kept = np.empty(len(block), np.int64)
        n_kept = 0
        for start in range(0, len(block), _PART):
            part = block[start : start + _PART]
            step = max(_TILE, -(-n_kept // available_cores()))
            stretches = [kept[at : min(n_kept, at + step)] for at in range(0, n_kept, step)]

            def search(others: NDArray[np.int64], part: NDArray[np.int64] = part) -> _Pairs:
                return self._nearest(part, others)

            self._note(_joined(on_all_cores(search, stretches)))
            self._settle_part(part)
            new = part[self.best[part] == part]
            kept[n_kept : n_kept + len(new)] = new
            n_kept += len(new)

    def _settle_part(self, part: NDArray[np.int64]) -> None:
        """The same among rows of which none is settled by the others: one by one."""
        open_rows = part[self.best[part] == part]
        rows, columns = true_places(self._products(part, open_rows) >= self._bound)
        earlier = open_rows[columns] < part[rows]
        pairs = self._measured(part[rows[earlier]], open_rows[columns[earlier]])
        ends = np.flatnonzero(np.diff(pairs.rows, append=-1)) + 1
        start = 0
        for end in ends.tolist():
            own = slice(start, end)
            start = end
            standing = self.best[pairs.others[own]] == pairs.others[own]
            self._note(
                _Pairs(
                    pairs.rows[own][standing],
                    pairs.others[own][standing],
                    pairs.cosines[own][standing],
                )
            )

    def _nearest(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> _Pairs:
        """Of each row the most similar of the others, where one is similar enough."""
        parts = [
            self._nearest_in_tile(rows[at : at + _TILE], others[to : to + _TILE])
            for at in range(0, len(rows), _TILE)
            for to in range(0, len(others), _TILE)
        ]
        return _joined(parts).best()

    def _nearest_in_tile(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> _Pairs:
        products = self._products(rows, others)
        first, second = true_places(products >= self._bound)
        if not len(first):
            return _NONE
        if len(first) > _MANY * products.size:
            products = self._units(rows) @ self._units(others).T
            second = products.argmax(axis=1)
            first = np.flatnonzero(products.max(axis=1) >= self._bound)
            second = second[first]
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
        similar = cosines >= self._threshold - SAME
        return _Pairs(rows[similar], others[similar], cosines[similar])

    def _note(self, pairs: _Pairs) -> None:
        """Remember what is most similar to each row so far."""
        found = pairs.best()
        known = self.best[found.rows] != found.rows
        better = ~known | (found.cosines > self.close[found.rows])
        rows = found.rows[better]
        self.best[rows], self.close[rows] = found.others[better], found.cosines[better]

    def _units(self, ranks: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = self._vectors[self._order[ranks]]
        rows *= self._scales[ranks][:, np.newaxis]
        return rows

    def _shortened(self, shortening: Shortening) -> NDArray[np.float32]:
        n = len(self._order)
        blocks = [np.arange(at, min(n, at + _BLOCK)) for at in range(0, n, _BLOCK)]
        return np.concatenate([shortening.shorten(self._units(block)) for block in blocks])


class _Kept:
    """Ranks that are kept, by cell."""

    def __init__(self, n_cells: int) -> None:
        self._ranks = np.empty(0, np.int64)
        self._cells = np.empty(0, np.int64)
        self._starts = np.zeros(n_cells + 1, np.int64)

    def __len__(self) -> int:
        return len(self._ranks)

    def add(self, ranks: NDArray[np.int64], cells: NDArray[np.int64]) -> None:
        """Add ranks that come after all others."""
        all_cells = np.concatenate([self._cells, cells])
        order = np.argsort(all_cells, kind="stable")
        self._ranks = np.concatenate([self._ranks, ranks])[order]
        self._cells = all_cells[order]
        self._starts = np.searchsorted(self._cells, np.arange(len(self._starts)))

    def of_cell(self, cell: int) -> NDArray[np.int64]:
        """Rising ranks."""
        return self._ranks[self._starts[cell] : self._starts[cell + 1]]
