"""Vectors of Parquet files, read straight into one array; the files are not trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from embedsvc.extract.columns import quoted
from embedsvc.extract.outputs import METADATA_KEY
from embedsvc.tables.vector_parts import (
    NO_VECTOR,
    UNREADABLE,
    Read,
    VectorDefect,
    Wanted,
    broken,
    checked_dim,
    choose_id,
    choose_vectors,
    ids_of,
    metadata_of,
    unscaled,
    wrong_length,
)

_BATCH_ROWS = 16_384


def read_parquet(path: Path, wanted: Wanted) -> Read:
    """Read a Parquet file, its vectors straight into one array."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            return _from_parquet(file, wanted)
    except UNREADABLE as err:
        raise broken("a whole Parquet file", err) from err


def _from_parquet(file: pq.ParquetFile, wanted: Wanted) -> Read:
    schema = file.schema_arrow
    lists = [one.name for one in schema if is_numbers(one.type)]
    chosen = choose_vectors(schema.names, lists, wanted.vector_column)
    id_name = choose_id(schema.names, wanted.id_column)
    metadata = metadata_of((schema.metadata or {}).get(METADATA_KEY))
    available = tuple(one for one in schema.names if one not in (chosen, id_name))
    there = [one for one in dict.fromkeys(wanted.columns) if one in available]
    loaded = [*there, *([] if id_name is None else [id_name])]
    n_rows = file.metadata.num_rows
    vectors: NDArray[np.float32] | None = None
    defects: dict[int, str] = {}
    start = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=[chosen]):
        values = _NumberLists(batch.column(0))
        if vectors is None and (dim := values.dim) is not None:
            vectors = np.zeros((n_rows, dim), np.float32)
            defects |= {row: NO_VECTOR for row in range(start)}
        if vectors is None:
            start += len(batch)
            continue
        defects |= values.into(vectors[start : start + len(batch)], start)
        start += len(batch)
        wanted.advance(len(batch))
    if vectors is None:
        raise VectorDefect(
            f"Expected vectors in the column {quoted(chosen)}, got {n_rows:,} rows and none with "
            "one. Check the file."
        )
    rest = file.read(columns=loaded) if loaded else pa.table({})
    ids = ids_of(rest.column(id_name).to_pylist() if id_name is not None else None, n_rows)
    return Read(
        vectors=unscaled(vectors, metadata),
        ids=ids,
        columns=rest.select(there),
        available=available,
        metadata=metadata,
        defects=defects,
    )


class _NumberLists:
    """A column of lists of numbers."""

    def __init__(self, column: pa.Array) -> None:
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        self._valid = column.is_valid().to_numpy(zero_copy_only=False)
        kind = column.type
        if pa.types.is_fixed_size_list(kind):
            self._lengths = np.where(self._valid, kind.list_size, 0)
            # Rows that are null have their numbers all the same.
            flat = column.values[column.offset * kind.list_size :]
            flat = flat[: len(column) * kind.list_size]
            self._starts = np.arange(len(column)) * kind.list_size
        else:
            offsets = column.offsets.to_numpy()
            self._lengths = np.where(self._valid, np.diff(offsets), 0)
            flat = column.values
            self._starts = offsets[:-1]
        self._flat = flat.to_numpy(zero_copy_only=False)
        if self._flat.dtype == object or flat.null_count:
            self._flat = flat.cast(pa.float64()).to_numpy(zero_copy_only=False)

    @property
    def dim(self) -> int | None:
        """How long most lists are; None where there is none."""
        lengths = self._lengths[self._lengths > 0]
        if not len(lengths):
            return None
        values, counts = np.unique(lengths, return_counts=True)
        dim = int(values[counts.argmax()])
        return checked_dim(dim)

    def into(self, out: NDArray[np.float32], first: int) -> dict[int, str]:
        """Write the lists to rows, and tell what is wrong with those that do not fit.

        Args:
            out: of shape (n, dim).
            first: the number of the first row in the file.
        """
        dim = out.shape[1]
        fits = self._lengths == dim
        with np.errstate(over="ignore"):
            if fits.all() and (np.diff(self._starts) == dim).all():
                at = int(self._starts[0]) if len(self._starts) else 0
                out[:] = self._flat[at : at + out.size].reshape(out.shape)
            else:
                for row in np.flatnonzero(fits).tolist():
                    at = self._starts[row]
                    out[row] = self._flat[at : at + dim]
        return {
            first + row: wrong_length(int(self._lengths[row]), dim)
            for row in np.flatnonzero(~fits).tolist()
        }


def is_numbers(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of numbers."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    types = pa.types
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    return bool(types.is_floating(kind.value_type) or types.is_integer(kind.value_type))
