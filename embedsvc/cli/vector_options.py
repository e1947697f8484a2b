"""The options that all commands on files of vectors share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.column_names import split_names
from embedsvc.cli.notes import show_note

if TYPE_CHECKING:
    from embedsvc.tables.contents import Contents, ContentsOptions
    from embedsvc.tables.vector_table import VectorTable


@dataclass(frozen=True)
class Given:
    """How the vectors of a command are read and shown, as the shared options say."""

    texts: Path | None
    text_column: str | None
    vector_column: str | None
    id_column: str | None
    on_error: str
    include_columns: tuple[str, ...]

    def read(
        self,
        vectors: str,
        *,
        with_columns: bool = True,
        more_columns: Sequence[str] = (),
        show: bool = False,
    ) -> VectorTable:
        """Read vectors with the columns that are needed, and tell what was left out.

        Args:
            vectors: the file, or "-".
            with_columns: whether texts and included columns are wanted too.
            more_columns: columns that are wanted where there are such.
            show: whether a progress bar is drawn.

        Raises:
            InputError: the file is not usable, or an included column is missing.
        """
        from embedsvc.progress import progress_bar
        from embedsvc.tables.contents import check_column, wanted_columns
        from embedsvc.tables.vector_table import VectorReading, read_vectors

        reading = VectorReading(self.vector_column, self.id_column, self.on_error)
        included = self.include_columns if with_columns else ()
        texts = wanted_columns(self._contents_options()) if with_columns else ()
        wanted = [*included, *texts, *more_columns]
        with progress_bar("Reading", total=None, unit="vectors", show=show) as advance:
            table = read_vectors(vectors, reading, columns=wanted, advance=advance)
        for name in included:
            check_column(table, name, option="--include-columns")
        if table.skipped:
            n = len(table.skipped)
            show_note(f"{n:,} rows of {table.label} were left out; the first: {table.skipped[0]}")
        return table

    def contents(self, table: VectorTable) -> Contents | None:
        """The texts or images behind vectors, or None where there are none.

        Raises:
            InputError: what is named is not there.
        """
        from embedsvc.tables.contents import find_contents

        return find_contents(table, self._contents_options())

    def _contents_options(self) -> ContentsOptions:
        from embedsvc.tables.contents import ContentsOptions

        return ContentsOptions(
            text_column=self.text_column, source=self.texts, id_column=self.id_column
        )


def vector_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what all commands on vectors take; the command gets `given`, `overwrite` and `quiet`."""

    @functools.wraps(command)
    def run(
        *,
        texts: Path | None,
        text_column: str | None,
        vector_column: str | None,
        id_column: str | None,
        on_error: str,
        include_columns: tuple[str, ...],
        **own: Any,
    ) -> Any:
        included = split_names(include_columns)
        given = Given(texts, text_column, vector_column, id_column, on_error, included)
        return command(given=given, **own)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --overwrite and --quiet."""
    return _OVERWRITE(_QUIET(command))


_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace the output.")
_QUIET = click.option("--quiet", is_flag=True, help="No progress bar, no last lines.")
_OPTIONS = (
    click.option(
        "--include-columns",
        multiple=True,
        help="Columns of VECTORS to hand through, separated by commas.",
    ),
    click.option(
        "--texts",
        type=click.Path(path_type=Path),
        help="File of the texts, or folder of the images, that the vectors were made from.  "
        "[default: the same file, if it lies beside the vectors unchanged]",
    ),
    click.option("--text-column", help="Column of the texts.  [default: text]"),
    click.option(
        "--vector-column", help="Column of the vectors.  [default: vector, or the only one]"
    ),
    click.option("--id-column", help="Column of the ids.  [default: id, or the position]"),
    click.option(
        "--on-error",
        type=click.Choice(["error", "skip"]),
        default="error",
        show_default=True,
        help="Rows without a usable vector: stop, or leave them out.",
    ),
    _OVERWRITE,
    _QUIET,
)
