"""Write rows of results, one function a format, each file whole or not at all.

| ending   | several values of a row           | metadata                |
|----------|-----------------------------------|-------------------------|
| .csv     | joined by the separator           | OUT.metadata.json       |
| .jsonl   | lists                             | OUT.metadata.json       |
| .parquet | lists                             | schema key `embedsvc`   |

OUT is the whole name: beside predictions.csv stands predictions.csv.metadata.json. Cells of a CSV
file hold what the input holds, even where a spreadsheet would take it for a formula: who changed it
could not be joined to the input any more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from embedsvc.classify.label_reading import text_of
from embedsvc.errors import ArtifactError, InputError, OutputError
from embedsvc.extract.outputs import METADATA_KEY, beside
from embedsvc.files import atomic_write, read_json

_METADATA = "metadata.json"
_ROW_GROUP = 32_768
_MOST_BYTES = 1 << 26
_JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_QUOTED = re.compile('[,"\r\n]')


@dataclass(frozen=True)
class Rows:
    """What is written.

    Attributes:
        schema: of the rows.
        tables: the rows in order; read once, one table in memory at a time.
        metadata: what made them; of nothing no file is written.
        separator: between several values in a cell of a CSV file.
        extras: gives what stands in further JSON files, by the ending they add to OUT's name, once
            all rows are read, such as "metrics.json".
        absent: endings of such files of an earlier output that must not stay.
    """

    schema: pa.Schema
    tables: Iterable[pa.Table]
    metadata: Mapping[str, Any]
    separator: str = ","
    extras: Mapping[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def write_rows(path: Path, rows: Rows) -> None:
    """Write all files; OUT is renamed last, and an old one is gone before they change.

    Args:
        path: of OUT; an existing file is replaced.
        rows: what is written.

    Raises:
        OSError: a file cannot be written.
    """
    kind = rows_format(path)
    contents = dict(rows.extras)
    if kind != ".parquet" and rows.metadata:
        contents = {_METADATA: lambda: rows.metadata, **contents}
    with ExitStack() as stack:
        # Left in the order from last to first.
        paths = [path, *(beside(path, ending) for ending in contents)]
        files = [stack.enter_context(atomic_write(one)) for one in paths]
        _WRITERS[kind](files[0], rows)
        for file, content in zip(files[1:], contents.values(), strict=True):
            file.write(orjson.dumps(content(), option=_JSON | orjson.OPT_SERIALIZE_NUMPY))
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        path.unlink(missing_ok=True)
        for ending in rows.absent:
            beside(path, ending).unlink(missing_ok=True)


def rows_format(path: Path) -> str:
    """The format of an output by its ending.

    Raises:
        InputError: no known ending.
    """
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise InputError(
            f"Expected an output that ends in {', '.join(_WRITERS)}, or - for JSON lines, got "
            f"{path.name!r}. Rename it, for example to {path.stem or 'results'}.csv."
        )
    return ending


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Check an output before anything is read.

    Raises:
        InputError: its ending is unknown, or it is one of the inputs.
        OutputError: it is a folder, or out of reach.
    """
    rows_format(path)
    check_place(path, inputs)


def check_place(path: Path, inputs: Sequence[Path]) -> None:
    """Check where an output goes, whatever its ending.

    Raises:
        InputError: it is one of the inputs.
        OutputError: it is a folder, or out of reach.
    """
    try:
        is_folder = path.is_dir()
        is_input = path.exists() and any(path.samefile(one) for one in inputs)
    except OSError as err:
        raise OutputError(
            f"Expected a usable output, got {path}: {err.strerror or err}. Choose another output."
        ) from err
    if is_folder:
        raise OutputError(f"Expected {path} to be a file, got a folder. Choose another output.")
    if is_input:
        raise InputError(
            f"Expected an output apart from the inputs, got {path} as both. Choose another output."
        )


def read_metadata(path: Path) -> dict[str, Any] | None:
    """What an output says of itself; None where it says nothing that can be read."""
    try:
        if rows_format(path) == ".parquet":
            return dict(orjson.loads((pq.read_schema(path).metadata or {})[METADATA_KEY]))
        return read_json(beside(path, _METADATA), max_bytes=_MOST_BYTES)
    except (ArtifactError, OSError, KeyError, TypeError, ValueError, pa.ArrowException):
        return None


def write_json_rows(file: IO[bytes], table: pa.Table) -> None:
    """Write rows as JSON lines."""
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    for values in _values_by_row(table):
        file.write(orjson.dumps(dict(zip(table.column_names, values, strict=True)), option=option))


def _write_jsonl(file: IO[bytes], rows: Rows) -> None:
    for table in rows.tables:
        write_json_rows(file, table)


def _write_csv(file: IO[bytes], rows: Rows) -> None:
    file.write(_line(rows.schema.names))
    for table in rows.tables:
        for values in _values_by_row(table):
            file.write(_line(_cell(value, rows.separator) for value in values))


def _write_parquet(file: IO[bytes], rows: Rows) -> None:
    metadata = {METADATA_KEY: orjson.dumps(rows.metadata)}
    schema = rows.schema.with_metadata(metadata)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for table in _grouped(rows.tables):
            writer.write_table(table.cast(schema))


_WRITERS: dict[str, Callable[[IO[bytes], Rows], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join parts into row groups that are large enough to read fast."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= _ROW_GROUP:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _values_by_row(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(_values(column.combine_chunks()) for column in table.columns), strict=True)


def _values(column: pa.Array) -> Iterable[Any]:
    """Values of a column; numbers of 32 bits stay such, and are written with few digits."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_float32(column.type):
        return (None if value is None else np.float32(value) for value in values)
    if pa.types.is_list(column.type) and pa.types.is_float32(column.type.value_type):
        return (np.array(row, np.float32) for row in values)
    return values


def _cell(value: Any, separator: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list | np.ndarray):
        return separator.join(_cell(one, separator) for one in value)
    if isinstance(value, np.float32):
        return str(value)
    return repr(value) if isinstance(value, float) else text_of(value)


def _line(cells: Iterable[str]) -> bytes:
    """A line of RFC 4180, but for its end; unlike the csv module it quotes a lone return."""
    quoted = (
        f'"{cell.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(cell) else cell
        for cell in cells
    )
    return (",".join(quoted) + "\n").encode()
