"""Join finished parts into the output."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.extract.journal import Journal
from embedsvc.extract.kinds import Kind
from embedsvc.extract.outputs import OutputHeader, OutputTable, write_output
from embedsvc.extract.parts import VectorPart
from embedsvc.extract.passthrough import column_array, column_type

ColumnTypes = dict[str, pa.DataType]
# From here numbers round to infinity.
_FLOAT16_OVERFLOW = 65_520


def join_parts(
    journal: Journal[VectorPart], output: Path, kind: Kind, *, settings: dict[str, Any], dtype: str
) -> None:
    """Write the output from the parts, one part in memory at a time.

    Args:
        journal: the finished parts.
        output: where the result will stand.
        kind: what was encoded.
        settings: what made the vectors, for the metadata.
        dtype: of the vectors: float32, float16, or int8 with one scale for all, so that
            `vector ~ int8 * scale` and dot products need one factor only.

    Raises:
        InputError: a component is too large for float16.
        ArtifactError: a part was damaged.
    """
    records = journal.records
    types = column_types(records)
    largest = max(record.largest for record in records)
    if dtype == "float16" and largest >= _FLOAT16_OVERFLOW:
        raise InputError(
            f"Expected components that float16 holds, below {_FLOAT16_OVERFLOW:,}, got "
            f"{largest:,.0f}. Run the same command with --dtype float32; {journal.safe}"
        )
    # Of a model that gives nothing but zeros, any scale is right.
    scale = (largest or 1.0) / 127 if dtype == "int8" else None
    metadata = {
        **settings,
        "dtype": dtype,
        "rejects": sum(record.rejects for record in records),
        kind.digest: input_digest(record.digest for record in records),
        **({} if scale is None else {"scale": scale}),
    }
    header = OutputHeader(
        n_rows=journal.n_rows,
        dim=settings["dim"],
        dtype=np.dtype(dtype),
        metadata=metadata,
        schema=_schema(kind, types),
        longest={name: max(record.longest[name] for record in records) for name in ("id", *types)},
    )
    tables = (to_output(one, kind, types, dtype=dtype, scale=scale) for one in journal.tables())
    write_output(output, header, tables)


def input_digest(digests: Iterable[str]) -> str:
    """One sha256 for the input of all windows."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def column_types(records: Iterable[VectorPart]) -> ColumnTypes:
    """The type of each passthrough column over all parts."""
    kinds: dict[str, set[str]] = {}
    for record in records:
        for name, found in record.kinds.items():
            kinds.setdefault(name, set()).update(found)
    return {name: column_type(found) for name, found in kinds.items()}


def to_output(
    part: pa.Table,
    kind: Kind,
    types: ColumnTypes,
    *,
    dtype: str = "float32",
    scale: float | None = None,
) -> OutputTable:
    """A part's rows as they stand in the output."""
    lists = part.column("vector").combine_chunks()
    flat = lists.flatten().to_numpy()
    vectors: NDArray[Any] = flat.reshape(len(part), lists.type.list_size)
    if scale is not None:
        # In float64, where the scale of the smallest numbers is not yet zero.
        vectors = np.rint(vectors.astype(np.float64) / scale)
    names = ["id", *(name for name, _ in kind.info)]
    columns = [part.column(name).combine_chunks() for name in names]
    if types:
        values = [orjson.loads(packed) for packed in part.column("columns").to_pylist()]
        columns += [
            column_array([row.get(name) for row in values], of) for name, of in types.items()
        ]
    return OutputTable(
        vectors.astype(dtype, copy=False), pa.table(columns, schema=_schema(kind, types))
    )


def _schema(kind: Kind, types: ColumnTypes) -> pa.Schema:
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            *(pa.field(name, pa.type_for_alias(of), nullable=False) for name, of in kind.info),
            *(pa.field(name, dtype) for name, dtype in types.items()),
        ]
    )
