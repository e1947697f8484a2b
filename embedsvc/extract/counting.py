"""About how many rows a file has, without reading them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_CHUNK = 1 << 20


def count_rows(path: Path) -> int | None:
    """The number of rows for a progress bar; None for a broken file.

    Lines are counted, so a quoted line break counts as a row.
    """
    try:
        return _count(path)
    except (OSError, EOFError, zlib.error, pa.ArrowException):
        # A broken file gets its own message when it is read.
        return None


def _count(path: Path) -> int:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return int(pq.read_metadata(path).num_rows)
    header = 1 if name.removesuffix(".gz").endswith((".csv", ".tsv")) else 0
    with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
        lines, last = 0, b"\n"
        while chunk := file.read(_CHUNK):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    return max(0, lines + (last != b"\n") - header)
