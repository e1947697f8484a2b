"""Where results go: a file that appears whole, or JSON lines on standard output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.errors import InputError, OutputError, ResumeError
from embedsvc.extract.folder import reason_of
from embedsvc.extract.outputs import OutputHeader, OutputTable, beside, write_output
from embedsvc.tables.row_files import Rows, check_output, write_json_rows, write_rows

STDOUT = "-"

_ROWS = 8192
"""Rows with vectors that are handed on at a time."""


def plan_results(output: str, inputs: Sequence[Path], *, overwrite: bool) -> Path | None:
    """Check where results would go, before anything is read.

    Args:
        output: a name that ends in .csv, .parquet or .jsonl, or "-" for JSON lines.
        inputs: the files that are read.
        overwrite: whether a file that stands there may be replaced.

    Returns:
        The file, or None for standard output.

    Raises:
        InputError: an unknown ending, or one of the inputs.
        ResumeError: there is such a file.
        OutputError: it is a folder, or out of reach.
    """
    if output == STDOUT:
        return None
    path = Path(output)
    check_output(path, inputs)
    check_absent(path, overwrite=overwrite)
    return path


def check_absent(path: Path, *, overwrite: bool) -> None:
    """Check that nothing stands in the place of an output, unless it may be replaced.

    Raises:
        ResumeError: there is such a file.
    """
    if path.exists() and not overwrite:
        raise ResumeError(
            f"Expected {path} not to exist, got a file. Choose another output, or add --overwrite "
            "to replace it."
        )


def write_results(
    path: Path | None,
    table: pa.Table,
    stream: IO[bytes],
    *,
    metadata: Mapping[str, Any],
    extras: Mapping[str, Mapping[str, Any]] | None = None,
    absent: tuple[str, ...] = (),
) -> list[Path]:
    """Write rows, and what stands beside them.

    Args:
        path: of the file, as `plan_results` gave it; None writes JSON lines to the stream.
        table: the rows.
        stream: standard output.
        metadata: what made the rows; the version of embedsvc is added.
        extras: contents of further JSON files, by the ending they add to the name, such as
            "clusters.json"; they are not written to a stream.
        absent: endings of such files of an earlier output that must not stay.

    Returns:
        The further files.

    Raises:
        OutputError: nothing can be written there.
        BrokenPipeError: whoever reads the stream has had enough.
    """
    contents = {} if extras is None else dict(extras)
    try:
        if path is None:
            write_json_rows(stream, table)
            stream.flush()
            return []
        path.parent.mkdir(parents=True, exist_ok=True)
        given: dict[str, Callable[[], Mapping[str, Any]]] = {
            ending: partial(dict, content) for ending, content in contents.items()
        }
        about = {"version": __version__, **metadata}
        write_rows(path, Rows(table.schema, [table], about, extras=given, absent=absent))
    except BrokenPipeError:
        raise
    except OSError as err:
        raise _not_written("standard output" if path is None else path, err) from err
    return [beside(path, ending) for ending in contents]


def write_vectors(
    path: Path, table: pa.Table, vectors: NDArray[np.float32], *, metadata: Mapping[str, Any]
) -> None:
    """Write rows with their vectors as a file of vectors, as embedsvc extract does.

    Args:
        path: of a .parquet file, as `plan_results` gave it.
        table: the rows without the vectors; `id` is the first column.
        vectors: of the rows, float32 of shape (n, dim).
        metadata: what made the vectors.

    Raises:
        OutputError: nothing can be written there.
    """
    about = {"version": __version__, **metadata}
    header = OutputHeader(
        n_rows=len(table),
        dim=vectors.shape[1],
        dtype=np.dtype(np.float32),
        metadata=about,
        schema=table.schema,
        longest={},
    )
    starts = range(0, len(table), _ROWS)
    parts = (OutputTable(vectors[at : at + _ROWS], table.slice(at, _ROWS)) for at in starts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_output(path, header, parts)
    except OSError as err:
        raise _not_written(path, err) from err


def _not_written(where: str | Path, err: OSError) -> OutputError:
    return OutputError(
        f"Expected to write {where}, but {reason_of(err)}. Cure that, or choose another output."
    )


def check_included(include_columns: Sequence[str], own: Sequence[str]) -> None:
    """Check that no column of the results would be there twice.

    Args:
        include_columns: those that are handed through.
        own: those that the results have anyway.

    Raises:
        InputError: one would.
    """
    taken = [name for name in include_columns if name in own]
    if taken:
        raise InputError(
            f"Expected columns to include of other names than {', '.join(own)}, got {taken[0]!r}. "
            "The output has a column of that name itself: leave it out, or rename it in the input."
        )
