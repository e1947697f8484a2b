"""What all readers of vectors share: which columns they take, and how they tell of defects."""

from __future__ import annotations

import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError
from embedsvc.extract import outputs
from embedsvc.extract.columns import list_names, quoted
from embedsvc.extract.passthrough import column_array, column_type, kind_of
from embedsvc.files import read_json

VECTOR_NAMES = ("vector", "vectors", "embedding", "embeddings")
NO_VECTOR = "Expected a vector, got none."
LONGEST_LINE = 1 << 26
_ID_NAME = "id"
_MOST_DIM = 65_536


class VectorDefect(Exception):
    """A whole file is not usable; the message is for people, with the cure."""


@dataclass(frozen=True)
class Wanted:
    """What is read of a file.

    Attributes:
        vector_column: of the vectors; None chooses it.
        id_column: of the ids; None takes "id", or positions.
        columns: those that are wanted beside them, where there are such.
        advance: called with the number of rows just read.
    """

    vector_column: str | None
    id_column: str | None
    columns: Sequence[str]
    advance: Callable[[int], None]


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


# What broken headers of arrays raise is a fault of Python's own parser at times.
UNREADABLE = (*outputs.UNREADABLE, SyntaxError, tokenize.TokenError)


def choose_vectors(names: Sequence[str], lists: Sequence[str], asked: str | None) -> str:
    """The column of the vectors.

    Args:
        names: all columns.
        lists: those that hold lists of numbers.
        asked: the one asked for, or None.

    Raises:
        VectorDefect: it is not there, or there is none, or several.
    """
    if asked is not None:
        if asked not in lists:
            wrong = "has no lists of numbers" if asked in names else "is not there"
            raise VectorDefect(
                f"Expected the vectors in a column {quoted(asked)}, which {wrong}. Columns: "
                f"{list_names(list(names))}. Pass --vector-column with one that has."
            )
        return asked
    known = [name for name in VECTOR_NAMES if name in lists]
    if known:
        return known[0]
    if len(lists) == 1:
        return lists[0]
    found = f"several: {list_names(list(lists))}" if lists else f"none in {list_names(list(names))}"
    raise VectorDefect(
        f"Expected a column of vectors, lists of numbers, got {found}. "
        + ("Choose one with --vector-column." if lists else "Make vectors with embedsvc extract.")
    )


def choose_id(names: Sequence[str], asked: str | None) -> str | None:
    """The column of the ids; None where ids are positions.

    Raises:
        VectorDefect: the one asked for is not there.
    """
    if asked is None:
        return _ID_NAME if _ID_NAME in names else None
    if asked not in names:
        raise VectorDefect(
            f"Expected an id column {quoted(asked)}, got {list_names(list(names))}. Pass "
            "--id-column with one that is there."
        )
    return asked


def ids_of(values: Iterable[Any] | None, n_rows: int) -> list[str]:
    """Ids as strings; the position, from 0, where there is none."""
    if values is None:
        return [str(at) for at in range(n_rows)]
    return [str(at) if value is None else str(value) for at, value in enumerate(values)]


def table_of(
    rows: Sequence[dict[str, Any]], n_rows: int, wanted: Wanted
) -> tuple[list[str], pa.Table, tuple[str, ...]]:
    """Ids, the columns asked for, and the names of all, from JSON objects."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    id_name = choose_id(names, wanted.id_column)
    available = tuple(name for name in names if name != id_name)
    arrays = {}
    for name in dict.fromkeys(wanted.columns):
        if name in available:
            values = [row.get(name) for row in rows]
            arrays[name] = column_array(values, column_type(map(kind_of, values)))
    ids = ids_of(None if id_name is None else (row.get(id_name) for row in rows), n_rows)
    return ids, pa.table(arrays), available


def metadata_of(raw: Any) -> dict[str, Any]:
    """What JSON says of vectors; {} for none."""
    if raw is None:
        return {}
    value = orjson.loads(raw)
    return value if isinstance(value, dict) else {}


def read_metadata(path: Path) -> dict[str, Any]:
    """What a file beside vectors says of them; {} where there is none.

    Raises:
        VectorDefect: it is no JSON object.
    """
    if not path.exists():
        return {}
    try:
        return read_json(path)
    except ArtifactError as err:
        raise VectorDefect(f"{err} Write it anew, or move it away.") from err


def unscaled(vectors: NDArray[np.float32], metadata: Mapping[str, Any]) -> NDArray[np.float32]:
    """The vectors themselves, where a file holds them divided by a scale."""
    scale = metadata.get("scale")
    if metadata.get("dtype") != "int8" or not isinstance(scale, (int, float)):
        return vectors
    return np.asarray(vectors * np.float32(scale), np.float32)


def checked_dim(dim: int) -> int:
    """A dim that is not absurd.

    Raises:
        VectorDefect: it is.
    """
    if dim > _MOST_DIM:
        raise VectorDefect(
            f"Expected vectors of at most {_MOST_DIM:,} numbers, got {dim:,}. Check the column."
        )
    return dim


def wrong_length(length: int, dim: int) -> str:
    """What is wrong with a row of `length` numbers where there should be `dim`."""
    if not length:
        return NO_VECTOR
    return f"Expected {dim:,} numbers, as most rows have, got {length:,}."


def lines(file: IO[bytes]) -> Iterable[bytes]:
    """The lines of a file, none of them endless.

    Raises:
        VectorDefect: one is.
    """
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise VectorDefect(
                f"Expected lines of at most {LONGEST_LINE:,} bytes, got a longer one. "
                "Check that the file is what it should be."
            )
        yield line


def broken(expected: str, err: BaseException) -> VectorDefect:
    """The defect of a file that is not what its ending says."""
    first = (str(err).splitlines() or [type(err).__name__])[0].rstrip(".")
    return VectorDefect(f"Expected {expected}, got: {first}. Write the file anew.")
