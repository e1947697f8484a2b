"""Vectors with ids and columns, from any file that holds such, whoever wrote it.

| ending   | vectors                         | ids and columns         | metadata           |
|----------|---------------------------------|-------------------------|--------------------|
| .parquet | a column of lists of numbers    | columns                 | schema key         |
| .npz     | `vectors`, or the only matrix   | arrays of as many rows  | `metadata`         |
| .npy     | array of (n, dim)               | FILE.ids.jsonl, if any  | FILE.metadata.json |
| .jsonl   | `vector`, or the key of lists   | keys                    | FILE.metadata.json |
| -        | JSON lines on standard input    | keys                    |                    |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.extract.columns import missing_column
from embedsvc.tables.vector_parts import Read, VectorDefect, Wanted
from embedsvc.tables.vector_readers import reader_of
from embedsvc.vectors.checks import bad_rows

STDIN = "-"
_SHOWN_DEFECTS = 5


@dataclass(frozen=True)
class VectorReading:
    """How a file of vectors is read.

    Attributes:
        vector_column: the column of the vectors; by default "vector", or the only one of lists.
        id_column: the column of the ids; by default "id", or the position, from 0.
        on_error: "error" stops at rows without a usable vector, "skip" leaves them out.
    """

    vector_column: str | None = None
    id_column: str | None = None
    on_error: str = "error"


@dataclass(frozen=True)
class VectorTable:
    """Vectors in memory, or mapped into it, with all that is known of them.

    Attributes:
        label: what messages call the file.
        path: the file; None for standard input.
        vectors: float32 array of shape (n, dim).
        ids: of the rows, shape (n,); strings.
        columns: the columns asked for, of n rows, those that there are.
        available: the names of all columns but the vectors' and the ids'.
        metadata: what embedsvc says of the vectors; {} where another program wrote them.
        skipped: what is wrong with each row that was left out.
    """

    label: str
    path: Path | None
    vectors: NDArray[np.float32]
    ids: list[str]
    columns: pa.Table
    available: tuple[str, ...]
    metadata: dict[str, Any]
    skipped: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Components of a vector."""
        return int(self.vectors.shape[1])

    def column(self, name: str, *, option: str) -> list[Any]:
        """The values of a column that was asked for.

        Args:
            name: of the column.
            option: what a message tells to pass another name with.

        Raises:
            InputError: there is no such column.
        """
        if name not in self.columns.column_names:
            raise InputError(f"{self.label}: {missing_column(name, self.available, option=option)}")
        values: list[Any] = self.columns.column(name).to_pylist()
        return values


def read_vectors(
    place: str | Path,
    reading: VectorReading | None = None,
    *,
    columns: Sequence[str] = (),
    advance: Callable[[int], None] = lambda count: None,
) -> VectorTable:
    """Read a file of vectors.

    Args:
        place: a .parquet, .npz, .npy or .jsonl file, written by embedsvc or by anyone else; "-" for
            JSON lines on standard input.
        reading: how it is read.
        columns: the columns that are wanted beside the ids; those that are missing are left out.
        advance: called with the number of rows just read.

    Returns:
        The vectors with ids and columns. A .npy file is mapped, not read.

    Raises:
        InputError: no such file, no vectors in it, or rows that are not usable, such as those with
            NaN, of another dim, or without a vector; unless they are skipped.

    Example:
        >>> table = read_vectors("reviews.parquet", columns=["text"])
        >>> table.vectors.shape, len(table.ids)
        ((3080, 384), 3080)
    """
    reading = VectorReading() if reading is None else reading
    path = None if str(place) == STDIN else Path(place)
    label = "standard input" if path is None else path.name
    try:
        wanted = Wanted(reading.vector_column, reading.id_column, columns, advance)
        read = reader_of(path)(path, wanted)
    except VectorDefect as err:
        raise InputError(f"{label}: {err}") from err
    except MemoryError as err:
        raise InputError(
            f"Expected vectors that fit into memory, got more in {label}. Split the file."
        ) from err
    return _checked(read, label, path, skip=reading.on_error == "skip")


def _checked(read: Read, label: str, path: Path | None, *, skip: bool) -> VectorTable:
    defects = dict(read.defects)
    usable = np.ones(len(read.vectors), bool)
    usable[list(defects)] = False
    for row in bad_rows(read.vectors).tolist():
        if usable[row]:
            defects[row] = "Expected finite numbers below 1e15, got NaN, infinite or larger ones."
            usable[row] = False
    if defects and not skip:
        raise InputError(_defects_in_words(defects, read, label))
    if not usable.any():
        reason = f" The first: {_named(min(defects), defects, read)}" if defects else ""
        raise InputError(
            f"Expected at least one vector in {label}, got none.{reason} Check the file."
        )
    rows = np.flatnonzero(usable)
    whole = len(rows) == len(usable)
    return VectorTable(
        label=label,
        path=path,
        vectors=read.vectors if whole else read.vectors[rows],
        ids=read.ids if whole else [read.ids[row] for row in rows.tolist()],
        columns=read.columns if whole else read.columns.take(pa.array(rows)),
        available=read.available,
        metadata=read.metadata,
        skipped=tuple(_named(row, defects, read) for row in sorted(defects)),
    )


def _named(row: int, defects: dict[int, str], read: Read) -> str:
    return f"row {row + 1:,} (id {read.ids[row]!r}): {defects[row]}"


def _defects_in_words(defects: dict[int, str], read: Read, label: str) -> str:
    shown = sorted(defects)[:_SHOWN_DEFECTS]
    lines = "".join(f"\n  {_named(row, defects, read)}" for row in shown)
    more = len(defects) - len(shown)
    return (
        f"Expected a usable vector in every row of {label}, got {len(defects):,} without one out "
        f"of {len(read.vectors):,}:{lines}" + (f"\n  and {more:,} more" if more else "") + "\n"
        "Correct them, or leave them out with --on-error skip."
    )
