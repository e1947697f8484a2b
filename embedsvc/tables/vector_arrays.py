"""Vectors of NumPy files, archives and bare arrays; the files are not trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.extract.outputs import beside
from embedsvc.tables.vector_parts import (
    UNREADABLE,
    Read,
    VectorDefect,
    Wanted,
    broken,
    checked_dim,
    choose_id,
    choose_vectors,
    ids_of,
    lines,
    metadata_of,
    read_metadata,
    table_of,
    unscaled,
)

# Vectors hardly shrink when they are packed; what shrinks so much is made to fill the memory.
_LARGE = 1 << 28
_PACKED = 100


def read_npz(path: Path, wanted: Wanted) -> Read:
    """Read a NumPy archive."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            shapes = {name: _shape_in(arrays, name) for name in arrays.files}
            matrices = [name for name, shape in shapes.items() if len(shape) == 2]
            chosen = choose_vectors(list(shapes), matrices, wanted.vector_column)
            vectors = arrays[chosen]
            same = [
                name
                for name, shape in shapes.items()
                if shape == (len(vectors),) and name != chosen
            ]
            id_name = choose_id(same, wanted.id_column)
            metadata = metadata_of(str(arrays["metadata"]) if "metadata" in shapes else None)
            there = [one for one in dict.fromkeys(wanted.columns) if one in same and one != id_name]
            table = pa.table({name: pa.array(arrays[name]) for name in there})
            ids = None if id_name is None else arrays[id_name].tolist()
    except UNREADABLE as err:
        raise broken("a NumPy archive", err) from err
    wanted.advance(len(vectors))
    available = tuple(name for name in same if name != id_name)
    unscaled_vectors = unscaled(_numbers(vectors), metadata)
    return Read(unscaled_vectors, ids_of(ids, len(vectors)), table, available, metadata)


def _shape_in(arrays: Any, name: str) -> tuple[int, ...]:
    """The shape of an array, by its header alone."""
    about = arrays.zip.getinfo(f"{name}.npy")
    if about.file_size > _LARGE and about.file_size > _PACKED * about.compress_size:
        raise VectorDefect(
            f"Expected arrays, got {name!r}, which would unpack from {about.compress_size:,} to "
            f"{about.file_size:,} bytes. Save it with np.savez, without compression."
        )
    with arrays.zip.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape: tuple[int, ...] = read(member)[0]
    return shape


def read_npy(path: Path, wanted: Wanted) -> Read:
    """Map a NumPy array, and read what stands beside it."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except UNREADABLE as err:
        raise broken("a NumPy array", err) from err
    vectors = _numbers(found)
    metadata_file, rows_file = beside(path, "metadata.json"), beside(path, "ids.jsonl")
    metadata = read_metadata(metadata_file)
    rows: list[Any] = []
    if rows_file.exists():
        try:
            with rows_file.open("rb") as file:
                rows = [orjson.loads(line) for line in lines(file)]
        except UNREADABLE as err:
            raise broken(f"one JSON object a line in {rows_file.name}", err) from err
        if len(rows) != len(vectors) or not all(isinstance(row, dict) for row in rows):
            raise VectorDefect(
                f"Expected {len(vectors):,} JSON objects in {rows_file.name}, one a vector, got "
                f"{len(rows):,} lines. Write both files anew, or move that one away."
            )
    ids, table, available = table_of(rows, len(vectors), wanted)
    wanted.advance(len(vectors))
    return Read(unscaled(vectors, metadata), ids, table, available, metadata)


def _numbers(found: NDArray[Any]) -> NDArray[np.float32]:
    if found.ndim != 2 or found.dtype.kind not in "fiu":
        raise VectorDefect(
            f"Expected numbers of shape (n, dim), got {found.dtype} of shape {found.shape}. Save "
            "one row a vector."
        )
    if found.shape[1]:
        checked_dim(found.shape[1])
    with np.errstate(over="ignore"):
        return found.astype(np.float32, copy=False)
