"""Vectors of JSON lines, from a file or standard input; neither is trusted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from embedsvc.extract.outputs import beside
from embedsvc.tables.vector_parts import (
    Read,
    VectorDefect,
    Wanted,
    broken,
    checked_dim,
    choose_vectors,
    lines,
    read_metadata,
    table_of,
    unscaled,
    wrong_length,
)


def read_jsonl(path: Path | None, wanted: Wanted) -> Read:
    """Read JSON lines, from a file or from standard input."""
    try:
        if path is None:
            return _from_jsonl(sys.stdin.buffer, {}, wanted)
        metadata = read_metadata(beside(path, "metadata.json"))
        with path.open("rb") as file:
            return _from_jsonl(file, metadata, wanted)
    except OSError as err:
        raise broken("a readable file", err) from err


def _from_jsonl(file: IO[bytes], metadata: dict[str, Any], wanted: Wanted) -> Read:
    parts: list[NDArray[np.float32]] = []
    rows: list[dict[str, Any]] = []
    defects: dict[int, str] = {}
    dim = 0
    chosen = wanted.vector_column
    for number, line in enumerate(lines(file), start=1):
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
            chosen = choose_vectors(list(row), lists, None)
        vector = _vector_of(row.pop(chosen, None))
        if not dim and vector is not None:
            dim = checked_dim(len(vector))
        if vector is None or len(vector) != dim:
            defects[len(rows)] = wrong_length(0 if vector is None else len(vector), dim)
            vector = None
        parts.append(np.zeros(dim, np.float32) if vector is None else vector)
        rows.append(row)
        wanted.advance(1)
    if not dim:
        raise VectorDefect("Expected at least one vector, got none. Check the file.")
    first = next(at for at, part in enumerate(parts) if len(part))
    parts[:first] = [np.zeros(dim, np.float32)] * first
    ids, table, available = table_of(rows, len(rows), wanted)
    return Read(unscaled(np.stack(parts), metadata), ids, table, available, metadata, defects)


def _vector_of(value: Any) -> NDArray[np.float32] | None:
    if not isinstance(value, list) or not value:
        return None
    if not all(isinstance(one, (int, float)) for one in value):
        # null is how JSON writes NaN; what is no number at all is found out later as such.
        value = [one if isinstance(one, (int, float)) else float("nan") for one in value]
    with np.errstate(over="ignore"):
        return np.asarray(value, np.float64).astype(np.float32)
