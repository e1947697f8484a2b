"""Where results go: a file that appears whole, or JSON lines on standard output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from embedsvc import __version__
from embedsvc.errors import OutputError, ResumeError
from embedsvc.extract.folder import reason_of
from embedsvc.extract.outputs import beside
from embedsvc.tables.row_files import Rows, check_output, write_json_rows, write_rows

STDOUT = "-"


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
) -> list[Path]:
    """Write rows, and what stands beside them.

    Args:
        path: of the file, as `plan_results` gave it; None writes JSON lines to the stream.
        table: the rows.
        stream: standard output.
        metadata: what made the rows; the version of embedsvc is added.
        extras: contents of further JSON files, by the ending they add to the name, such as
            "clusters.json"; they are not written to a stream.

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
        write_rows(path, Rows(table.schema, [table], about, extras=given))
    except BrokenPipeError:
        raise
    except OSError as err:
        where = "standard output" if path is None else path
        raise OutputError(
            f"Expected to write {where}, but {reason_of(err)}. Cure that, or choose another output."
        ) from err
    return [beside(path, ending) for ending in contents]
