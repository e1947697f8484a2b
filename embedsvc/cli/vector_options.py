"""The options that all commands on files of vectors share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from embedsvc.cli.notes import show_note

if TYPE_CHECKING:
    from embedsvc.tables.contents import ContentsOptions
    from embedsvc.tables.vector_table import VectorTable

Command = TypeVar("Command", bound=Callable[..., Any])


def reading_options(command: Command) -> Command:
    """Add --vector-column, --id-column and --on-error, as `VectorReading` has them."""
    for option in (
        click.option(
            "--on-error",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="Rows without a usable vector: stop, or leave them out.",
        ),
        click.option("--id-column", help="Column of the ids.  [default: id, or the position]"),
        click.option(
            "--vector-column", help="Column of the vectors.  [default: vector, or the only one]"
        ),
    ):
        command = option(command)
    return command


def contents_options(command: Command) -> Command:
    """Add --texts and --text-column, as `ContentsOptions` has them."""
    for option in (
        click.option("--text-column", help="Column of the texts.  [default: text]"),
        click.option(
            "--texts",
            type=click.Path(path_type=Path),
            help="File of the texts, or folder of the images, that the vectors were made from.  "
            "[default: the same file, if it lies beside the vectors unchanged]",
        ),
    ):
        command = option(command)
    return command


def output_options(command: Command) -> Command:
    """Add --overwrite and --quiet."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress bar, no last lines."),
        click.option("--overwrite", is_flag=True, help="Replace the output."),
    ):
        command = option(command)
    return command


def read_table(
    vectors: str,
    *,
    vector_column: str | None,
    id_column: str | None,
    on_error: str,
    contents: ContentsOptions | None = None,
    include_columns: Sequence[str] = (),
    more_columns: Sequence[str] = (),
    show: bool = False,
) -> VectorTable:
    """Read the vectors of a command, with the columns it needs, and tell what was left out.

    Args:
        vectors: the file, or "-".
        vector_column: see `VectorReading`.
        id_column: see `VectorReading`.
        on_error: see `VectorReading`.
        contents: where texts are looked for, if they are wanted.
        include_columns: columns to hand through.
        more_columns: columns to read where there are such.
        show: whether a progress bar is drawn.

    Raises:
        InputError: the file is not usable, or a column is missing.
    """
    from embedsvc.progress import progress_bar
    from embedsvc.tables.contents import check_column, wanted_columns
    from embedsvc.tables.vector_table import VectorReading, read_vectors

    reading = VectorReading(vector_column, id_column, on_error)
    wanted = [
        *include_columns,
        *more_columns,
        *(() if contents is None else wanted_columns(contents)),
    ]
    with progress_bar("Reading", total=None, unit="vectors", show=show) as advance:
        table = read_vectors(vectors, reading, columns=wanted, advance=advance)
    for name in include_columns:
        check_column(table, name, option="--include-columns")
    if table.skipped:
        n = len(table.skipped)
        show_note(f"{n:,} rows of {table.label} were left out; the first: {table.skipped[0]}")
    return table
