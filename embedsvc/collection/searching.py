"""Find the rows that are most like a query: by the index where there is one, else among all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from embedsvc.collection.engine import reason_of
from embedsvc.collection.filters import bad_filter, check_filter
from embedsvc.collection.layout import DIGEST, ID, VECTOR, content_column, user_fields
from embedsvc.collection.store import Store
from embedsvc.collection.tending import INDEX_FROM, VectorIndex, find_index
from embedsvc.errors import InputError
from embedsvc.extract.columns import missing_column
from embedsvc.vectors.checks import check_vectors

DISTANCE = "_distance"
# The index compares bytes; that many times k rows are compared by their vectors then.
_REFINED = 2
_RUN_TIME = ("cast error", "divide by zero", "arrow error", "execution error")


@dataclass(frozen=True)
class Asked:
    """What is looked for.

    Attributes:
        names: what each query is called in the results.
        vectors: float32 array of shape (n_queries, dim).
        own_ids: the row that each query is itself, which is not found; None for one that is none.
    """

    names: list[str]
    vectors: NDArray[np.float32]
    own_ids: list[str | None]


@dataclass(frozen=True)
class SearchOptions:
    """How rows are looked for.

    Attributes:
        k: how many for each query.
        where: a filter that rows have to pass; None for none.
        columns: the user's columns that are handed through; None for all.
        exact: compare with every row, whether or not there is an index.
    """

    k: int = 10
    where: str | None = None
    columns: tuple[str, ...] | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"Expected k to be at least 1, got {self.k}. Ask for one row or more.")


def check_queries(vectors: ArrayLike, dim: int, label: str) -> NDArray[np.float32]:
    """Check the vectors of queries.

    Raises:
        InputError: another dim, NaN, or a vector of zeros, which is similar to nothing.
    """
    found = check_vectors(vectors, name="queries")
    if found.shape[1] != dim:
        raise InputError(
            f"Expected queries of {dim:,} dimensions, as {label} has, got {found.shape[1]:,}. "
            "Encode both with the same model."
        )
    zeros = np.flatnonzero(~found.any(axis=1))
    if len(zeros):
        raise InputError(
            f"Expected queries that are not all zeros, got zeros in the query {zeros[0] + 1:,}: "
            "they are similar to nothing. Leave it out."
        )
    return np.asarray(found, np.float32)


def check_search(store: Store, options: SearchOptions) -> list[str]:
    """Check what is looked for, before it is.

    Returns:
        The user's columns that are handed through.

    Raises:
        InputError: no such collection, an unusable filter, an unknown column.
    """
    if options.where is not None:
        check_filter(store, options.where)
    return _chosen_columns(store.table.schema, options.columns)


def search(store: Store, asked: Asked, options: SearchOptions) -> pa.Table:
    """Find the k rows most like each query, by the cosine of their vectors.

    Args:
        store: the table.
        asked: the queries, checked; at least one.
        options: how rows are looked for.

    Returns:
        Rows `query`, `rank` (from 1), `id`, `similarity`, `text` or `image`, and the user's
        columns; sorted by query and rank.

    Raises:
        InputError: an unusable filter, an unknown column.
        ArtifactError: the table is broken.
    """
    columns = check_search(store, options)
    content = content_column(store.metadata)
    index = None if options.exact else _index_for(store, options.where)
    found = [
        _one(store, asked, at, options, index, [ID, content, *columns])
        for at in range(len(asked.names))
    ]
    return pa.concat_tables(found)


def nearest(
    store: Store,
    vector: NDArray[np.float32],
    k: int,
    *,
    columns: Sequence[str],
    where: str | None,
    index: VectorIndex | None,
) -> pa.Table:
    """The k rows nearest to one vector, with `_distance`, 1 minus the cosine.

    Args:
        store: the table.
        vector: of shape (dim,).
        k: how many.
        columns: to give beside.
        where: a filter, checked.
        index: what to look into; None compares with every row.

    Raises:
        InputError: the filter cannot be computed for some row.
    """
    with store.reading():
        query = store.table.search(vector, vector_column_name=VECTOR).distance_type("cosine")
        query = query.select([*columns, DISTANCE]).limit(k)
        if where is not None:
            query = query.where(where)
        if index is None:
            query = query.bypass_vector_index()
        else:
            # With a filter more lists are looked into until there are k rows.
            query = query.minimum_nprobes(index.probes).maximum_nprobes(index.lists)
            query = query.refine_factor(_REFINED)
        try:
            return query.to_arrow()
        except (ValueError, RuntimeError) as err:
            if where is not None and any(sign in str(err).lower() for sign in _RUN_TIME):
                raise bad_filter(where, reason_of(err), store.table.schema) from err
            raise


def _one(
    store: Store,
    asked: Asked,
    at: int,
    options: SearchOptions,
    index: VectorIndex | None,
    columns: list[str],
) -> pa.Table:
    own = asked.own_ids[at]
    found = nearest(
        store,
        asked.vectors[at],
        options.k + (own is not None),
        columns=columns,
        where=options.where,
        index=index,
    )
    if own is not None:
        found = found.filter(pa.array([one != own for one in found.column(ID).to_pylist()]))
    found = found.slice(0, options.k)
    return _result(found, asked.names[at], store.table.schema, columns)


def _result(found: pa.Table, name: str, schema: pa.Schema, columns: list[str]) -> pa.Table:
    n_rows = len(found)
    distances = found.column(DISTANCE).to_numpy() if n_rows else np.empty(0, np.float32)
    result: dict[str, Any] = {
        "query": pa.array([name] * n_rows, pa.string()),
        "rank": pa.array(np.arange(1, n_rows + 1), pa.int32()),
        "id": found.column(ID) if n_rows else pa.array([], pa.string()),
        # Rounding may leave the range of cosines.
        "similarity": pa.array(np.clip(1 - distances, -1, 1).astype(np.float32)),
    }
    for column in columns[1:]:
        empty = pa.array([], schema.field(column).type)
        result[column] = found.column(column) if n_rows else empty
    return pa.table(result)


def _chosen_columns(schema: pa.Schema, wanted: Sequence[str] | None) -> list[str]:
    known = list(user_fields(schema))
    if wanted is None:
        return known
    for name in wanted:
        if name not in (*known, DIGEST):
            raise InputError(missing_column(name, known, option="--include-columns"))
    return list(dict.fromkeys(wanted))


def _index_for(store: Store, where: str | None) -> VectorIndex | None:
    """The index, unless a filter leaves so few rows that comparing with all of them is as fast."""
    index = find_index(store)
    if index is not None and where is not None and store.count(where) < INDEX_FROM:
        return None
    return index
