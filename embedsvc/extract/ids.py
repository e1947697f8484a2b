"""Which ids occurred before, for runs of a hundred million rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Hashes = NDArray[np.int64]


class SeenIds:
    """A set of ids that keeps eight bytes for each.

    An id is kept as Python's 64-bit hash of it (SipHash, keyed anew for each process), in sorted
    arrays: each call adds an array, and two neighbours of like size are merged, so that n ids lie
    in about log2(n / 2,048) arrays. While the two largest are merged the peak is 16 bytes an id.

    Two different ids share a hash with the odds of n squared / 2**65: 1 in 37 million for a million
    ids, 1 in 3,700 for 100 million. One id would then be called a duplicate that is none; a true
    duplicate is never missed.
    """

    def __init__(self) -> None:
        self._levels: list[_Hashes] = []

    def __len__(self) -> int:
        """How many different ids were added."""
        return sum(len(level) for level in self._levels)

    def add_new(self, ids: Sequence[str]) -> list[bool]:
        """Add ids; say for each whether it is new.

        Args:
            ids: any number; thousands a call are fastest.

        Returns:
            For each id, True at its first occurrence, in this call and all before.
        """
        hashes = np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids))
        # Of equal hashes the first index is returned; sorted queries are kind to the cache.
        queries, first_at = np.unique(hashes, return_index=True)
        known = np.zeros(len(queries), dtype=np.bool_)
        for level in self._levels:
            at = np.searchsorted(level, queries)
            at[at == len(level)] = 0  # Larger than all: any element tells it is not there.
            known |= level[at] == queries
        new = np.zeros(len(ids), dtype=np.bool_)
        new[first_at[~known]] = True
        if not known.all():
            self._levels.append(queries[~known])
            self._merge()
        answers: list[bool] = new.tolist()
        return answers

    def _merge(self) -> None:
        levels = self._levels
        while len(levels) > 1 and len(levels[-2]) < 2 * len(levels[-1]):
            pair = (levels.pop(), levels.pop())
            merged = np.concatenate(pair)
            del pair  # Before sorting, which takes memory of its own.
            merged.sort(kind="stable")  # Timsort: merges two sorted runs in one pass.
            levels.append(merged)
