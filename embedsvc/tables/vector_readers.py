"""One reader a format of vectors; the files are not trusted."""

from __future__ import annotations

import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError
from embedsvc.extract.columns import list_names, quoted
from embedsvc.extract.outputs import METADATA_KEY, beside
from embedsvc.extract.passthrough import column_array, column_type, kind_of
from embedsvc.files import read_json

_VECTOR_NAMES = ("vector", "vectors", "embedding", "embeddings")
_ID_NAME = "id"
_BATCH_ROWS = 16_384
_MOST_DIM = 65_536
_LONGEST_LINE = 1 << 26

Advance = Callable[[int], None]


class VectorDefect(Exception):
    """A whole file is not usable; the message is for people, with the cure."""


@dataclass(frozen=True)
class Read:
    """What a file holds.

    Attributes:
        vectors: float32 array of shape (n, dim); anything stands in the rows with a defect.
        ids: of the rows.
        columns: those asked for that there are, of n rows.
        available: the names of all columns but the vectors' and the ids'.
        metadata: what embedsvc says of the vectors, or {}.
        defects: what is wrong with a row, by its number from 0.
    """

    vectors: NDArray[np.float32]
    ids: list[str]
    columns: pa.Table
    available: tuple[str, ...]
    metadata: dict[str, Any]
    defects: Mapping[int, str] = field(default_factory=dict)


Reader = Callable[[Any, str | None, str | None, Sequence[str], Advance], Read]

# What NumPy, zipfile and Arrow raise for files that are not what their ending says.
_UNREADABLE = (
    ArithmeticError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
)


def reader_of(path: Path | None) -> Reader:
    """The reader of a file, by its ending; of standard input where there is no path.

    Raises:
        VectorDefect: no such file, or no known ending.
    """
    if path is None:
        return read_jsonl
    try:
        if path.is_dir():
            raise VectorDefect("Expected a file of vectors, got a folder. Name one of its files.")
        if not path.exists():
            raise VectorDefect(
                "Expected a file of vectors, got a path that does not exist. Check it; embedsvc "
                "extract makes such files."
            )
    except OSError as err:
        raise VectorDefect(f"Expected a readable file, got: {err.strerror or err}.") from err
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise VectorDefect(
            f"Expected a file of vectors that ends in {', '.join(_READERS)}, got the ending "
            f"{path.suffix!r}. Texts become vectors with embedsvc extract FILE -o vectors.parquet."
        )
    return reader


def holds_vectors(path: Path) -> bool:
    """Whether a file is one of vectors, by its ending, its columns or its first line.

    Args:
        path: any file; one that cannot be read holds none.
    """
    try:
        match path.suffix.lower():
            case ".npy" | ".npz":
                return True
            case ".parquet":
                return any(_is_numbers(one.type) for one in pq.read_schema(path))
            case ".jsonl" | ".ndjson":
                with path.open("rb") as file:
                    first = orjson.loads(file.readline(_LONGEST_LINE))
                return isinstance(first, dict) and any(
                    isinstance(first.get(name), list) for name in _VECTOR_NAMES
                )
    except _UNREADABLE:
        return False
    return False


def read_parquet(
    path: Path,
    vector_column: str | None,
    id_column: str | None,
    columns: Sequence[str],
    advance: Advance,
) -> Read:
    """Read a Parquet file, its vectors straight into one array."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            return _from_parquet(file, vector_column, id_column, columns, advance)
    except _UNREADABLE as err:
        raise _broken("a whole Parquet file", err) from err


def _from_parquet(
    file: pq.ParquetFile,
    vector_column: str | None,
    id_column: str | None,
    columns: Sequence[str],
    advance: Advance,
) -> Read:
    schema = file.schema_arrow
    lists = [one.name for one in schema if _is_numbers(one.type)]
    chosen = _choose_vectors(schema.names, lists, vector_column)
    id_name = _choose_id(schema.names, id_column)
    metadata = _metadata_of((schema.metadata or {}).get(METADATA_KEY))
    available = tuple(one for one in schema.names if one not in (chosen, id_name))
    wanted = [one for one in dict.fromkeys(columns) if one in available]
    loaded = [*wanted, *([] if id_name is None else [id_name])]
    n_rows = file.metadata.num_rows
    vectors: NDArray[np.float32] | None = None
    defects: dict[int, str] = {}
    start = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=[chosen]):
        values = _NumberLists(batch.column(0))
        if vectors is None and (dim := values.dim) is not None:
            vectors = np.zeros((n_rows, dim), np.float32)
            defects |= {row: _NO_VECTOR for row in range(start)}
        if vectors is None:
            start += len(batch)
            continue
        defects |= values.into(vectors[start : start + len(batch)], start)
        start += len(batch)
        advance(len(batch))
    if vectors is None:
        raise VectorDefect(
            f"Expected vectors in the column {quoted(chosen)}, got {n_rows:,} rows and none with "
            "one. Check the file."
        )
    rest = file.read(columns=loaded) if loaded else pa.table({})
    ids = _ids_of(rest.column(id_name).to_pylist() if id_name is not None else None, n_rows)
    return Read(
        vectors=_unscaled(vectors, metadata),
        ids=ids,
        columns=rest.select(wanted),
        available=available,
        metadata=metadata,
        defects=defects,
    )


_NO_VECTOR = "Expected a vector, got none."


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
        return _checked_dim(dim)

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
            first + row: _wrong_length(int(self._lengths[row]), dim)
            for row in np.flatnonzero(~fits).tolist()
        }


def _wrong_length(length: int, dim: int) -> str:
    if not length:
        return _NO_VECTOR
    return f"Expected {dim:,} numbers, as most rows have, got {length:,}."


def read_npz(
    path: Path,
    vector_column: str | None,
    id_column: str | None,
    columns: Sequence[str],
    advance: Advance,
) -> Read:
    """Read a NumPy archive."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            shapes = {name: _shape_in(arrays, name) for name in arrays.files}
            matrices = [name for name, shape in shapes.items() if len(shape) == 2]
            chosen = _choose_vectors(list(shapes), matrices, vector_column)
            vectors = arrays[chosen]
            same = [
                name
                for name, shape in shapes.items()
                if shape == (len(vectors),) and name != chosen
            ]
            id_name = _choose_id(same, id_column)
            metadata = _metadata_of(str(arrays["metadata"]) if "metadata" in shapes else None)
            wanted = [one for one in dict.fromkeys(columns) if one in same and one != id_name]
            table = pa.table({name: pa.array(arrays[name]) for name in wanted})
            ids = None if id_name is None else arrays[id_name].tolist()
    except _UNREADABLE as err:
        raise _broken("a NumPy archive", err) from err
    advance(len(vectors))
    available = tuple(name for name in same if name != id_name)
    numbers = _unscaled(_numbers(vectors), metadata)
    return Read(numbers, _ids_of(ids, len(vectors)), table, available, metadata)


def _shape_in(arrays: Any, name: str) -> tuple[int, ...]:
    """The shape of an array, by its header alone."""
    with arrays.zip.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape: tuple[int, ...] = read(member)[0]
    return shape


def read_npy(
    path: Path,
    vector_column: str | None,
    id_column: str | None,
    columns: Sequence[str],
    advance: Advance,
) -> Read:
    """Map a NumPy array, and read what stands beside it."""
    del vector_column
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except _UNREADABLE as err:
        raise _broken("a NumPy array", err) from err
    vectors = _numbers(found)
    metadata_file, rows_file = beside(path, "metadata.json"), beside(path, "ids.jsonl")
    metadata = _read_metadata(metadata_file)
    rows: list[Any] = []
    if rows_file.exists():
        try:
            with rows_file.open("rb") as file:
                rows = [orjson.loads(line) for line in _lines(file)]
        except _UNREADABLE as err:
            raise _broken(f"one JSON object a line in {rows_file.name}", err) from err
        if len(rows) != len(vectors) or not all(isinstance(row, dict) for row in rows):
            raise VectorDefect(
                f"Expected {len(vectors):,} JSON objects in {rows_file.name}, one a vector, got "
                f"{len(rows):,} lines. Write both files anew, or move that one away."
            )
    ids, table, available = _table_of(rows, len(vectors), id_column, columns)
    advance(len(vectors))
    return Read(_unscaled(vectors, metadata), ids, table, available, metadata)


def read_jsonl(
    path: Path | None,
    vector_column: str | None,
    id_column: str | None,
    columns: Sequence[str],
    advance: Advance,
) -> Read:
    """Read JSON lines, from a file or from standard input."""
    try:
        if path is None:
            return _from_jsonl(sys.stdin.buffer, {}, vector_column, id_column, columns, advance)
        metadata = _read_metadata(beside(path, "metadata.json"))
        with path.open("rb") as file:
            return _from_jsonl(file, metadata, vector_column, id_column, columns, advance)
    except OSError as err:
        raise _broken("a readable file", err) from err


def _from_jsonl(
    file: IO[bytes],
    metadata: dict[str, Any],
    vector_column: str | None,
    id_column: str | None,
    columns: Sequence[str],
    advance: Advance,
) -> Read:
    parts: list[NDArray[np.float32]] = []
    rows: list[dict[str, Any]] = []
    defects: dict[int, str] = {}
    dim = 0
    chosen = vector_column
    for number, line in enumerate(_lines(file), start=1):
        if line.isspace():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as err:
            raise VectorDefect(
                f"Expected one JSON object a line, got text that is not JSON in line {number:,} "
                f"({err.msg}). Correct the line."
            ) from err
        if not isinstance(row, dict):
            raise VectorDefect(
                f"Expected one JSON object a line, got something else in line {number:,}. Write "
                '{"id": "1", "vector": [0.1, 0.2]} on each line.'
            )
        if chosen is None:
            lists = [name for name, value in row.items() if isinstance(value, list)]
            chosen = _choose_vectors(list(row), lists, None)
        vector = _vector_of(row.pop(chosen, None))
        if not dim and vector is not None:
            dim = _checked_dim(len(vector))
        if vector is None or len(vector) != dim:
            defects[len(rows)] = _wrong_length(0 if vector is None else len(vector), dim)
            vector = None
        parts.append(np.zeros(dim, np.float32) if vector is None else vector)
        rows.append(row)
        advance(1)
    if not dim:
        raise VectorDefect("Expected at least one vector, got none. Check the file.")
    first = next(at for at, part in enumerate(parts) if len(part))
    parts[:first] = [np.zeros(dim, np.float32)] * first
    ids, table, available = _table_of(rows, len(rows), id_column, columns)
    return Read(_unscaled(np.stack(parts), metadata), ids, table, available, metadata, defects)


_READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".npz": read_npz,
    ".npy": read_npy,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}


def _vector_of(value: Any) -> NDArray[np.float32] | None:
    if not isinstance(value, list) or not value:
        return None
    if not all(isinstance(one, (int, float)) for one in value):
        # null is how JSON writes NaN; what is no number at all is found out later as such.
        value = [one if isinstance(one, (int, float)) else float("nan") for one in value]
    with np.errstate(over="ignore"):
        return np.asarray(value, np.float64).astype(np.float32)


def _lines(file: IO[bytes]) -> Iterable[bytes]:
    while line := file.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise VectorDefect(
                f"Expected lines of at most {_LONGEST_LINE:,} bytes, got a longer one. "
                "Check that the file is what it should be."
            )
        yield line


def _choose_vectors(names: Sequence[str], lists: Sequence[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in lists:
            wrong = "has no lists of numbers" if asked in names else "is not there"
            raise VectorDefect(
                f"Expected the vectors in a column {quoted(asked)}, which {wrong}. Columns: "
                f"{list_names(list(names))}. Pass --vector-column with one that has."
            )
        return asked
    known = [name for name in _VECTOR_NAMES if name in lists]
    if known:
        return known[0]
    if len(lists) == 1:
        return lists[0]
    found = f"several: {list_names(list(lists))}" if lists else f"none in {list_names(list(names))}"
    raise VectorDefect(
        f"Expected a column of vectors, lists of numbers, got {found}. "
        + ("Choose one with --vector-column." if lists else "Make vectors with embedsvc extract.")
    )


def _choose_id(names: Sequence[str], asked: str | None) -> str | None:
    if asked is None:
        return _ID_NAME if _ID_NAME in names else None
    if asked not in names:
        raise VectorDefect(
            f"Expected an id column {quoted(asked)}, got {list_names(list(names))}. Pass "
            "--id-column with one that is there."
        )
    return asked


def _ids_of(values: Iterable[Any] | None, n_rows: int) -> list[str]:
    if values is None:
        return [str(at) for at in range(n_rows)]
    return [str(at) if value is None else str(value) for at, value in enumerate(values)]


def _table_of(
    rows: Sequence[dict[str, Any]], n_rows: int, id_column: str | None, columns: Sequence[str]
) -> tuple[list[str], pa.Table, tuple[str, ...]]:
    """Ids, the columns asked for, and the names of all, from JSON objects."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    id_name = _choose_id(names, id_column)
    available = tuple(name for name in names if name != id_name)
    arrays = {}
    for name in dict.fromkeys(columns):
        if name in available:
            values = [row.get(name) for row in rows]
            arrays[name] = column_array(values, column_type(map(kind_of, values)))
    ids = _ids_of(None if id_name is None else (row.get(id_name) for row in rows), n_rows)
    return ids, pa.table(arrays), available


def _metadata_of(raw: Any) -> dict[str, Any]:
    if raw is None:
        return {}
    value = orjson.loads(raw)
    return value if isinstance(value, dict) else {}


def _read_metadata(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return read_json(path)
    except ArtifactError as err:
        raise VectorDefect(f"{err} Write it anew, or move it away.") from err


def _numbers(found: NDArray[Any]) -> NDArray[np.float32]:
    if found.ndim != 2 or found.dtype.kind not in "fiu":
        raise VectorDefect(
            f"Expected numbers of shape (n, dim), got {found.dtype} of shape {found.shape}. Save "
            "one row a vector."
        )
    if found.shape[1]:
        _checked_dim(found.shape[1])
    with np.errstate(over="ignore"):
        return found.astype(np.float32, copy=False)


def _unscaled(vectors: NDArray[np.float32], metadata: Mapping[str, Any]) -> NDArray[np.float32]:
    """The vectors themselves, where a file holds them divided by a scale."""
    scale = metadata.get("scale")
    if metadata.get("dtype") != "int8" or not isinstance(scale, (int, float)):
        return vectors
    return np.asarray(vectors * np.float32(scale), np.float32)


def _checked_dim(dim: int) -> int:
    if dim > _MOST_DIM:
        raise VectorDefect(
            f"Expected vectors of at most {_MOST_DIM:,} numbers, got {dim:,}. Check the column."
        )
    return dim


def _is_numbers(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    types = pa.types
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    return bool(types.is_floating(kind.value_type) or types.is_integer(kind.value_type))


def _broken(expected: str, err: BaseException) -> VectorDefect:
    first = (str(err).splitlines() or [type(err).__name__])[0].rstrip(".")
    return VectorDefect(f"Expected {expected}, got: {first}. Write the file anew.")
