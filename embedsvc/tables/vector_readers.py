"""The reader of a file of vectors, by its ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from embedsvc.tables.vector_arrays import read_npy, read_npz
from embedsvc.tables.vector_lines import read_jsonl
from embedsvc.tables.vector_parquet import is_numbers, read_parquet
from embedsvc.tables.vector_parts import (
    LONGEST_LINE,
    UNREADABLE,
    VECTOR_NAMES,
    Read,
    VectorDefect,
    Wanted,
)

Reader = Callable[[Any, Wanted], Read]

_READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".npz": read_npz,
    ".npy": read_npy,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}


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
                return any(is_numbers(one.type) for one in pq.read_schema(path))
            case ".jsonl" | ".ndjson":
                with path.open("rb") as file:
                    first = orjson.loads(file.readline(LONGEST_LINE))
                return isinstance(first, dict) and any(
                    isinstance(first.get(name), list) for name in VECTOR_NAMES
                )
    except UNREADABLE:
        return False
    return False
