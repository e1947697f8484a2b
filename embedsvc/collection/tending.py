"""Keep a table fast: few files, and an index where there are many rows.

Up to 100,000 rows every search looks at all of them, which takes a tenth of a second. From there on
an index of inverted lists finds them: vectors lie in about sqrt(n) lists by their nearest centre,
each component in one byte. A search looks into half of the lists and compares the best with the
vectors themselves. Product codes, which are smaller, took 338 s to build where this took 10 s, and
found less in more time (200,000 vectors of MiniLM on two cores; recall@10 of 0.96 in 41 ms against
0.99 in 10 ms, and 200 ms without an index). tests/benchmarks/collection.py measures ours anew.

When the engine takes new rows into an index it joins small lists. A search then looks at more of
them than it has to, and finds more in more time, until the index is built anew.

Source: H. Jegou, M. Douze, C. Schmid: Product quantization for nearest neighbor search (2011), for
inverted lists.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from embedsvc.collection.layout import VECTOR
from embedsvc.collection.store import Store

INDEX_FROM = 100_000
# Rows outside of the index are compared one by one.
_MOST_UNINDEXED = 20_000
# An index is built anew when the rows are that many times those it was built for.
_GROWTH = 1.5
_MANY_FILES = 16
_COMMITS = 200
# The name of an index tells how many lists it has, which the engine does not.
_NAME = re.compile(r"vector_lists_(\d+)")


@dataclass(frozen=True)
class VectorIndex:
    """The index of a table.

    Attributes:
        name: of the index.
        lists: how many lists there are.
        rows: rows in the index.
        missing: rows that are not in it, and are compared one by one.
    """

    name: str
    lists: int
    rows: int
    missing: int

    @property
    def probes(self) -> int:
        """How many lists a search looks into."""
        return -(-self.lists // 2)


def find_index(store: Store) -> VectorIndex | None:
    """The index of a table, if it has one."""
    with store.reading():
        for one in store.table.list_indices():
            if match := _NAME.fullmatch(one.name):
                stats = store.table.index_stats(one.name)
                return VectorIndex(
                    one.name, int(match[1]), stats.num_indexed_rows, stats.num_unindexed_rows
                )
    return None


def tend(store: Store) -> None:
    """Join files, and make or complete the index, where it pays."""
    index = find_index(store)
    n_rows = store.count()
    if n_rows >= INDEX_FROM and (index is None or n_rows > _GROWTH * index.lists**2):
        store.optimize()
        build_index(store, n_rows)
    elif (index is not None and index.missing > _MOST_UNINDEXED) or _files(store) > _MANY_FILES:
        store.optimize()


def tend_meanwhile(store: Store, n_commits: int) -> None:
    """Join files now and then during a long addition, as every commit lists all of them."""
    if n_commits % _COMMITS == 0:
        store.optimize()


def build_index(store: Store, n_rows: int) -> None:
    """Build an index over all rows, in place of another one.

    Args:
        store: the table.
        n_rows: how many rows it has.
    """
    from lancedb.index import IvfSq

    lists = max(1, round(math.sqrt(n_rows)))
    name = f"vector_lists_{lists}"
    config = IvfSq(distance_type="cosine", num_partitions=lists)
    with store.locked():
        # Another process may have built it while this one waited.
        before = find_index(store)
        if before is not None and before.lists >= lists:
            return
        with store.writing():
            table: Any = store.table
            table.create_index(VECTOR, config=config, name=name, replace=True)
            if before is not None:
                table.drop_index(before.name)


def _files(store: Store) -> int:
    with store.reading():
        return int(store.table.stats()["fragment_stats"]["num_small_fragments"])
