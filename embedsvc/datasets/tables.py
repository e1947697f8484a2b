"""Small tables that people write about their images: CSV, TSV, JSON Lines or Parquet, row by row.

Names of columns are compared without regard to case and spaces around them. An error says the file
and the line (the row of a Parquet file).
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import orjson

from embedsvc.errors import InputError

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_BATCH_ROWS = 4096
_SHOWN_COLUMNS = 12
_MOST_LINE = 1 << 24
_Values = dict[str, Any]
_Line = TypeVar("_Line", str, bytes)


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        table: the file.
        line: the line it starts at, from 1; of a Parquet file the row, from 1.
        values: what stands in each column.
    """

    table: Path
    line: int
    values: _Values

    @property
    def where(self) -> str:
        """File and line, for a message."""
        unit = "row" if self.table.suffix.lower() == ".parquet" else "line"
        return f"{self.table}, {unit} {self.line}"

    def text(self, column: str) -> str:
        """What stands in a column, stripped; "" where nothing does.

        Raises:
            InputError: a list, an object or bytes.
        """
        value = self.values.get(column)
        if value is None or value != value:  # NaN is what data frames write for nothing.
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer():
            return str(int(value))  # Integers beside nothing become floats in a data frame.
        if isinstance(value, str | int | float):
            return str(value).strip()
        raise InputError(
            f"Expected a text or a number in column {column!r}, got {type(value).__name__} in "
            f"{self.where}. Correct the row."
        )


@dataclass(frozen=True, slots=True)
class Table:
    """An open table.

    Attributes:
        path: the file.
        columns: the names in its header, in lower case; of JSON Lines the keys of the first row.
        rows: the rows, read as they are asked for.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Iterator[Row] = field(repr=False)

    def check_columns(self, required: Sequence[str], optional: Sequence[str]) -> str:
        """Find a required column, and refuse misspelt optional ones.

        Args:
            required: names of which one must be there, the best first.
            optional: names that may be there.

        Returns:
            The first required name that is there.

        Raises:
            InputError: none is there, or a name is nearly that of an optional column that is not.
        """
        found = next((name for name in required if name in self.columns), None)
        if found is None:
            wanted = " or ".join(map(repr, required))
            near = difflib.get_close_matches(required[0], self.columns, n=1)
            raise InputError(
                f"Expected a column {wanted} in {self.path}, got {_list(self.columns)}. "
                f"{self._cure(required[0], near)}"
            )
        for name in optional:
            spare = [one for one in self.columns if one not in (*required, *optional)]
            near = difflib.get_close_matches(name, spare, n=1, cutoff=0.8)
            if near and name not in self.columns:
                # Passed over in silence, labels or groups would be lost for a typing mistake.
                raise InputError(
                    f"Expected columns such as {name!r} in {self.path}, got {near[0]!r}. "
                    f"Did you mean {name!r}? Rename the column."
                )
        return found

    def _cure(self, name: str, near: Sequence[str]) -> str:
        if len(self.columns) == 1 and ";" in self.columns[0]:
            return "The header looks separated by ';': save the file with commas."
        if near:
            return f"Is {near[0]!r} meant to be {name!r}? Rename it."
        return "Write the names of the columns in the first line."


def open_table(path: Path, wanted: Sequence[str], *, noun: str = "image") -> Table:
    """Open a table by its ending.

    Args:
        path: a file that ends in one of `TABLE_ENDINGS`.
        wanted: the columns that may be used, the best known first; others are not read from
            Parquet.
        noun: what a row is about, for messages.

    Raises:
        InputError: the file is missing, unreadable, empty, or not what its ending says. Errors
            further down come while the rows are read.
    """
    ending = path.suffix.lower()
    if ending not in TABLE_ENDINGS:
        raise InputError(
            f"Expected a table that ends in {', '.join(TABLE_ENDINGS)}, got {str(path)!r}. "
            "Save it in one of these formats."
        )
    if ending == ".parquet":
        return _open_parquet(path, wanted)
    if ending in _DELIMITERS:
        rows = _read_csv(path, _DELIMITERS[ending])
    else:
        rows = _read_jsonl(path, wanted[0])
    first = next(rows, None)
    if first is None:
        raise InputError(f"Expected at least one {noun} in {path}, got no row. Check the file.")
    return Table(path, tuple(first.values), chain([first], rows))


def _read_csv(path: Path, delimiter: str) -> Iterator[Row]:
    reader: Any = None
    try:
        # Bytes that are not UTF-8 are kept until their line is known.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = _bounded(path, lambda: file.readline(_MOST_LINE))
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            columns: list[str] = []
            line = 1
            for fields in reader:
                _check_utf8(fields, f"{path}, line {line}")
                if fields and not columns:
                    columns = _header(path, fields)
                elif fields:
                    yield Row(path, line, _fields(fields, columns, f"{path}, line {line}"))
                line = reader.line_num + 1
    except OSError as err:
        raise _unreadable(path, err) from err
    except csv.Error as err:
        raise InputError(
            f"Expected a well-formed table, got an error in {path}, line {reader.line_num}: {err}. "
            "Put a field with quotes or line breaks in double quotes, quotes in it doubled."
        ) from err


def _header(path: Path, fields: list[str]) -> list[str]:
    columns = [one.strip().casefold() for one in fields]
    twice = {one for one in columns if one and columns.count(one) > 1}
    if twice:
        raise InputError(
            f"Expected different names in the header of {path}, got {_list(sorted(twice))} more "
            "than once. Rename the columns."
        )
    return columns


def _fields(fields: list[str], columns: list[str], where: str) -> _Values:
    if len(fields) != len(columns):
        raise InputError(
            f"Expected {len(columns)} fields as in the header, got {len(fields)} in {where}. "
            "Put a field with a comma in double quotes."
        )
    return dict(zip(columns, fields, strict=True))


def _check_utf8(fields: list[str], where: str) -> None:
    for one in fields:
        if not one.isascii() and any("\udc80" <= char <= "\udcff" for char in one):
            raise InputError(
                f"Expected UTF-8 text, got other bytes in {where}. Save the file as UTF-8."
            )


def _read_jsonl(path: Path, column: str) -> Iterator[Row]:
    try:
        with path.open("rb") as file:
            lines = _bounded(path, lambda: file.readline(_MOST_LINE))
            for line, content in enumerate(lines, 1):
                text = content.removeprefix(b"\xef\xbb\xbf").strip()
                if text:
                    yield Row(path, line, _json_object(text, f"{path}, line {line}", column))
    except OSError as err:
        raise _unreadable(path, err) from err


def _bounded(path: Path, read_line: Callable[[], _Line]) -> Iterator[_Line]:
    """Lines of a file, which may be as long as it is; a whole one would be taken into memory."""
    line = 0
    while content := read_line():
        line += 1
        if len(content) >= _MOST_LINE:
            raise InputError(
                f"Expected lines of at most {_MOST_LINE:,} characters, got a longer one in {path}, "
                f"line {line}. Is it another kind of file?"
            )
        yield content


def _json_object(text: bytes, where: str, column: str) -> _Values:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise InputError(
            f"Expected one JSON object a line, got text that is not JSON in {where} ({err.msg}). "
            "Correct the line."
        ) from err
    if not isinstance(value, dict):
        raise InputError(
            f"Expected one JSON object a line, got a {type(value).__name__} in {where}. "
            f'Write {{"{column}": "..."}} on each line.'
        )
    return {key.strip().casefold(): one for key, one in value.items()}


def _open_parquet(path: Path, wanted: Sequence[str]) -> Table:
    # Arrow takes a fifth of a second to import, which CSV files need not wait for.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as err:
        raise _unreadable(path, err) from err
    columns = _header(path, names)
    read = {name: known for name, known in zip(names, columns, strict=True) if known in wanted}
    return Table(path, tuple(columns), _read_parquet(path, read))


def _read_parquet(path: Path, names: dict[str, str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    line = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(names)):
                values = [batch.column(name).to_pylist() for name in names]
                for one in zip(*values, strict=True):
                    line += 1
                    yield Row(path, line, dict(zip(names.values(), one, strict=True)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as err:
        raise InputError(
            f"Expected a whole Parquet file, got an error in {path} after row {line}: {err}. "
            "Write the file anew."
        ) from err


def _unreadable(path: Path, err: Exception) -> InputError:
    reason = getattr(err, "strerror", None) or str(err).rstrip(".")
    return InputError(
        f"Expected a readable table, got {str(path)!r}: {reason}. Check the path and the file."
    )


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN_COLUMNS]))
    more = len(names) - _SHOWN_COLUMNS
    return f"{shown} and {more} more" if more > 0 else shown or "no columns"
