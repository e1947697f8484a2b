"""Write finished vectors, one function a format, each file whole or not at all.

| ending   | vectors                        | ids, sizes, columns      | metadata                |
|----------|--------------------------------|--------------------------|-------------------------|
| .parquet | `vector`, fixed-size list      | columns                  | schema key `embedsvc`   |
| .npz     | `vectors`, array of (n, dim)   | arrays of the same names | `metadata`, JSON string |
| .npy     | array of (n, dim)              | OUT.ids.jsonl            | OUT.metadata.json       |
| .jsonl   | `vector`, a list               | keys                     | OUT.metadata.json       |

OUT is the whole name: beside vectors.npy stand vectors.npy.ids.jsonl and vectors.npy.metadata.json.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import atomic_write, read_json

METADATA_KEY = b"embedsvc"
_ROW_GROUP = 32_768
_ROW_GROUP_BYTES = 64 << 20
# Integers of this many characters are exact as float64.
_EXACT_DIGITS = 15


@dataclass(frozen=True)
class OutputTable:
    """Some rows of the output.

    Attributes:
        vectors: array of shape (n_rows, dim), of the output's dtype.
        rows: the other columns: `id`, what is told of each thing (of texts `n_tokens` and
            `truncated`, of images `height` and `width`), and what was passed through.
    """

    vectors: NDArray[Any]
    rows: pa.Table


@dataclass(frozen=True)
class OutputHeader:
    """What is known of an output before its rows.

    Attributes:
        n_rows: how many rows there will be.
        dim: components of a vector.
        dtype: of the vectors.
        metadata: what made the vectors.
        schema: of the rows beside the vectors.
        longest: characters of the longest value, by column.
    """

    n_rows: int
    dim: int
    dtype: np.dtype[Any]
    metadata: dict[str, Any]
    schema: pa.Schema
    longest: dict[str, int]


def write_output(path: Path, header: OutputHeader, tables: Iterable[OutputTable]) -> None:
    """Write a whole output; the format goes by the path's ending.

    Args:
        path: where it will stand; an existing file is replaced at the very end.
        header: what is known beforehand.
        tables: the rows, in order; read once, one table in memory at a time.
    """
    _WRITERS[output_format(path)](path, header, tables)


def output_format(path: Path) -> str:
    """The format of an output by its ending.

    Raises:
        InputError: no known ending.
    """
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise InputError(
            f"Expected an output that ends in {', '.join(_WRITERS)}, got {path.name!r}. "
            "Rename it, for example to vectors.parquet."
        )
    return ending


def read_metadata(path: Path) -> dict[str, Any]:
    """What an output says of the vectors in it.

    Raises:
        ArtifactError: the file was not written by embedsvc, or is broken.
    """
    try:
        match output_format(path):
            case ".parquet":
                raw = (pq.read_schema(path).metadata or {})[METADATA_KEY]
            case ".npz":
                with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                    raw = str(arrays["metadata"])
            case _:
                return read_json(beside(path, "metadata.json"))
        metadata: dict[str, Any] = dict(orjson.loads(raw))
    except UNREADABLE as err:
        raise ArtifactError(
            f"Expected vectors written by embedsvc in {path}, got something else: {err}"
        ) from err
    return metadata


# What NumPy, zipfile and Arrow raise for files that are not what their ending says.
UNREADABLE = (
    ArithmeticError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
)


def write_jsonl_rows(file: IO[bytes], table: OutputTable) -> None:
    """Write rows as JSON lines."""
    for row, vector in zip(table.rows.to_pylist(), table.vectors, strict=True):
        rest = {key: value for key, value in row.items() if key != "id"}
        line = {"id": row["id"], "vector": vector, **rest}
        file.write(
            orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
        )


def _write_parquet(path: Path, header: OutputHeader, tables: Iterable[OutputTable]) -> None:
    element = pa.from_numpy_dtype(header.dtype)
    vector = pa.field("vector", pa.list_(element, header.dim), nullable=False)
    fields = list(header.schema)
    schema = pa.schema(
        [fields[0], vector, *fields[1:]], metadata={METADATA_KEY: orjson.dumps(header.metadata)}
    )
    with (
        atomic_write(path) as file,
        pq.ParquetWriter(
            file,
            schema,
            # Vectors do not compress; texts and ids do.
            compression={name: "zstd" for name in schema.names if name != "vector"},
            use_dictionary=[name for name in schema.names if name != "vector"],
        ) as writer,
    ):
        for group in _grouped(tables):
            flat = pa.array(group.vectors.reshape(-1), type=element)
            vectors = pa.FixedSizeListArray.from_arrays(flat, header.dim)
            columns = group.rows.columns
            writer.write_table(pa.table([columns[0], vectors, *columns[1:]], schema=schema))


def _write_npz(path: Path, header: OutputHeader, tables: Iterable[OutputTable]) -> None:
    # Arrays of a zip are written one after the other, so all but the vectors wait in memory.
    rows: list[pa.Table] = []

    def vectors() -> Iterator[NDArray[Any]]:
        for table in tables:
            rows.append(table.rows)
            yield table.vectors

    with atomic_write(path) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        with archive.open("vectors.npy", "w", force_zip64=True) as member:
            _write_array(member, (header.n_rows, header.dim), header.dtype, vectors())
        everything = pa.concat_tables(rows) if rows else header.schema.empty_table()
        for name in header.schema.names:
            column = everything.column(name)
            dtype = _numpy_dtype(column, header.longest.get(name, 1))
            chunks = (_to_numpy(chunk, dtype) for chunk in column.chunks)
            with archive.open(_member(name), "w", force_zip64=True) as member:
                _write_array(member, (header.n_rows,), dtype, chunks)
        text = np.array(orjson.dumps(header.metadata).decode())
        with archive.open("metadata.npy", "w") as member:
            _write_array(member, (), text.dtype, [text])


def _write_npy(path: Path, header: OutputHeader, tables: Iterable[OutputTable]) -> None:
    with _together(path, "ids.jsonl", "metadata.json") as (file, ids, metadata):

        def vectors() -> Iterator[NDArray[Any]]:
            for table in tables:
                for row in table.rows.to_pylist():
                    ids.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                yield table.vectors

        _write_array(file, (header.n_rows, header.dim), header.dtype, vectors())
        metadata.write(orjson.dumps(header.metadata, option=orjson.OPT_INDENT_2))


def _write_jsonl(path: Path, header: OutputHeader, tables: Iterable[OutputTable]) -> None:
    with _together(path, "metadata.json") as (file, metadata):
        for table in tables:
            write_jsonl_rows(file, table)
        metadata.write(orjson.dumps(header.metadata, option=orjson.OPT_INDENT_2))


_WRITERS: dict[str, Callable[[Path, OutputHeader, Iterable[OutputTable]], None]] = {
    ".parquet": _write_parquet,
    ".npz": _write_npz,
    ".npy": _write_npy,
    ".jsonl": _write_jsonl,
}
OUTPUT_ENDINGS = tuple(_WRITERS)


@contextmanager
def _together(path: Path, *endings: str) -> Iterator[list[IO[bytes]]]:
    """Open the output and the files beside it; an output that stands has its own files beside it.

    The output is renamed last, and an old one is gone before the first file beside it changes.
    """
    with ExitStack() as stack:
        paths = [path, *(beside(path, ending) for ending in endings)]
        files = [stack.enter_context(atomic_write(one)) for one in paths]
        yield files
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        path.unlink(missing_ok=True)


def beside(path: Path, ending: str) -> Path:
    """What stands beside a file: `beside(Path("a.npy"), "ids.jsonl")` is a.npy.ids.jsonl."""
    return path.with_name(f"{path.name}.{ending}")


def _member(name: str) -> str:
    """A column's array in the zip; a name cannot leave the archive or hide another array."""
    for char, escape in (("%", "%25"), ("/", "%2F"), ("\0", "%00")):
        name = name.replace(char, escape)
    return f"{name}.npy"


def _write_array(
    file: IO[bytes],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunks: Iterable[NDArray[Any]],
) -> None:
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_2_0(file, header)
    for chunk in chunks:
        file.write(np.ascontiguousarray(chunk, dtype=dtype).tobytes())


def _numpy_dtype(column: pa.ChunkedArray, longest: int) -> np.dtype[Any]:
    kind = column.type
    # NumPy has no missing numbers or truth values but NaN, and float64 rounds long integers.
    too_long = pa.types.is_integer(kind) and longest > _EXACT_DIGITS
    if pa.types.is_string(kind) or (column.null_count and too_long):
        return np.dtype(f"<U{max(1, longest)}")
    return np.dtype(np.float64 if column.null_count else kind.to_pandas_dtype())


def _to_numpy(chunk: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "U":
        return np.array(["" if value is None else value for value in chunk.to_pylist()], dtype)
    if dtype == np.float64:
        chunk = chunk.cast(pa.float64())
    return np.asarray(chunk.to_numpy(zero_copy_only=False), dtype)


def _grouped(tables: Iterable[OutputTable]) -> Iterator[OutputTable]:
    """Join parts into row groups: large enough to read fast, small enough for memory."""
    waiting: list[OutputTable] = []
    count = size = 0
    for table in tables:
        waiting.append(table)
        count += len(table.vectors)
        size += table.vectors.nbytes + table.rows.nbytes
        if count >= _ROW_GROUP or size >= _ROW_GROUP_BYTES:
            yield _join(waiting)
            waiting, count, size = [], 0, 0
    if waiting:
        yield _join(waiting)


def _join(tables: list[OutputTable]) -> OutputTable:
    return OutputTable(
        np.concatenate([table.vectors for table in tables]),
        pa.concat_tables([table.rows for table in tables]).combine_chunks(),
    )
