"""What is to be done for a batch: which rows are new, which changed, which are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.collection.batches import Batch, NewRow
from embedsvc.collection.column_types import to_array
from embedsvc.collection.layout import DIGEST
from embedsvc.collection.store import Store
from embedsvc.errors import ArtifactError
from embedsvc.extract.rows import Reject
from embedsvc.vectors.checks import bad_rows


@dataclass(frozen=True)
class Plan:
    """A batch, beside what the collection has of it.

    Attributes:
        batch: the rows.
        columns: the values of the user's columns in the types of the table, for all rows.
        make: numbers of the rows whose vectors have to be made, or written where they are given.
        keep: the vectors of rows whose columns alone changed, by their number.
        n_new: how many of `make` are not in the collection.
    """

    batch: Batch
    columns: pa.Table
    make: list[int]
    keep: dict[int, list[float]] = field(default_factory=dict)
    n_new: int = 0

    @property
    def inputs(self) -> list[Any]:
        """What has to be encoded."""
        return [self.batch.rows[at].input for at in self.make]


@dataclass(frozen=True)
class Written:
    """The rows of one commit.

    Attributes:
        rows: numbers within the batch.
        vectors: float32 array of shape (n_rows, dim).
        rejects: rows that cannot be encoded.
    """

    rows: list[int]
    vectors: NDArray[np.float32]
    rejects: list[Reject] = field(default_factory=list)


def plan_batch(batch: Batch, types: Mapping[str, pa.DataType], store: Store | None) -> Plan:
    """Find out what has to be done.

    Args:
        batch: rows to add.
        types: of the columns that are kept.
        store: the table; None where there is none yet.

    Raises:
        InputError: a value does not fit the type of its column.
    """
    columns = _typed(batch.rows, types)
    everything = list(range(len(batch.rows)))
    if store is None:
        return Plan(batch, columns, everything, n_new=len(everything))
    known_columns = [name for name in types if name in store.fields()]
    there = store.rows_of([row.id for row in batch.rows], [DIGEST, *known_columns])
    make, touched = [], []
    for at, (row, own) in enumerate(
        zip(batch.rows, _by_row(columns, len(batch.rows)), strict=True)
    ):
        known = there.get(row.id)
        if known is None or known[DIGEST] != row.digest or not row.digest:
            make.append(at)
        elif any(known.get(name) != value for name, value in own.items()):
            touched.append(at)
    n_new = sum(batch.rows[at].id not in there for at in make)
    keep, changed = _kept_vectors(batch, touched, store)
    return Plan(batch, columns, sorted(make + changed), keep, n_new)


def rows_to_write(plan: Plan, vectors: NDArray[np.float32], failures: Mapping[int, str]) -> Written:
    """Put vectors just made beside those that are kept.

    Args:
        plan: of the batch.
        vectors: float32 array of shape (n_made, dim), of `make` without the failures.
        failures: what is wrong with inputs that have no vector, by their number in `make`.

    Raises:
        ArtifactError: the model gave NaN or infinity.
    """
    made = [at for number, at in enumerate(plan.make) if number not in failures]
    bad = bad_rows(vectors)
    if len(bad):
        raise ArtifactError(
            f"Expected finite vectors of the model, got NaN or infinity for "
            f"{plan.batch.rows[made[int(bad[0])]].where}. The model or its weights are broken: "
            "check them, or choose another model."
        )
    rejects = []
    for number, reason in failures.items():
        item = plan.batch.rows[plan.make[number]].item
        if item is not None:
            rejects.append(item.rejected(reason))
    kept = np.array(list(plan.keep.values()), np.float32).reshape(-1, vectors.shape[1])
    return Written([*made, *plan.keep], np.concatenate([vectors, kept]), rejects)


def to_table(plan: Plan, written: Written, content: str) -> pa.Table:
    """The rows of a commit as the table has them.

    Args:
        plan: of the batch.
        written: the rows.
        content: the column of what the vectors were made from.
    """
    rows = [plan.batch.rows[at] for at in written.rows]
    flat = pa.array(np.ascontiguousarray(written.vectors, np.float32).reshape(-1))
    table = pa.table(
        {
            "id": pa.array([row.id for row in rows], pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, written.vectors.shape[1]),
            content: pa.array([row.content for row in rows], pa.string()),
            DIGEST: pa.array([row.digest for row in rows], pa.string()),
        }
    )
    chosen = plan.columns.take(pa.array(written.rows, pa.int64()))
    for name in chosen.column_names:
        table = table.append_column(name, chosen.column(name))
    return table


def _typed(rows: Sequence[NewRow], types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.table(
        {
            name: to_array(
                [row.columns.get(name) for row in rows], dtype, name, lambda at: rows[at].where
            )
            for name, dtype in types.items()
        }
    )


def _by_row(columns: pa.Table, n_rows: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = columns.to_pylist() if columns.num_columns else [{}] * n_rows
    return rows


def _kept_vectors(
    batch: Batch, touched: Sequence[int], store: Store
) -> tuple[dict[int, list[float]], list[int]]:
    """The vectors of rows whose columns changed; and rows that others changed meanwhile."""
    stored = store.vectors_of([batch.rows[at].id for at in touched]) if touched else {}
    keep: dict[int, list[float]] = {}
    changed = []
    for at in touched:
        digest, vector = stored.get(batch.rows[at].id, (None, []))
        if digest == batch.rows[at].digest:
            keep[at] = vector
        else:
            changed.append(at)
    return keep, changed
