"""`embedsvc dedupe`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.vector_options import Given, vector_options

if TYPE_CHECKING:
    from embedsvc.jobs.dedupe import Deduplicated
    from embedsvc.tables.contents import Contents

_GROUPS = 3
_MILLION = 1_000_000


@click.command(short_help="Leave out texts or images that are nearly the same as another.")
@click.argument("vectors")
@click.option(
    "-o",
    "--output",
    required=True,
    help="The rows that are kept: .csv, .jsonl, .parquet (with their vectors), or - for JSON "
    "lines.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help="The cosine from which two rows are duplicates.",
)
@click.option(
    "--keep",
    type=click.Choice(["first", "last", "longest", "shortest"]),
    default="first",
    show_default=True,
    help="Which row to keep; by the length of the text, where it says so.",
)
@click.option(
    "--duplicates",
    "duplicates_file",
    help="The rows that are dropped: .csv, .jsonl or .parquet.  [default: OUTPUT.duplicates.csv]",
)
@vector_options
def dedupe(
    *,
    vectors: str,
    output: str,
    threshold: float,
    keep: Any,
    duplicates_file: str | None,
    given: Given,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Keep one of all rows of VECTORS that are nearly the same.

    Rows are gone through in order, and each that is too similar to one kept before is dropped. No
    two rows that are kept are that similar, and each dropped one names its representative, the kept
    row most similar to it. All rows are compared: what is found is exact.

    \b
    embedsvc dedupe reviews.parquet -o kept.csv
    embedsvc dedupe reviews.parquet -o kept.parquet --threshold 0.9 --keep longest
    embedsvc dedupe photos.parquet -o kept.csv --duplicates copies.csv
    """
    from embedsvc.extract.outputs import beside
    from embedsvc.jobs.dedupe import (
        OWN_COLUMNS,
        check_places,
        deduplicate,
        write_deduplicated,
    )
    from embedsvc.progress import is_terminal, progress_bar
    from embedsvc.tables.results import check_included, plan_results

    inputs = [] if vectors == "-" else [Path(vectors)]
    path = plan_results(output, inputs, overwrite=overwrite)
    place = None if path is None else str(beside(path, "duplicates.csv"))
    place = duplicates_file if duplicates_file is not None else place
    dropped = None
    if place is not None:
        dropped = plan_results(place, inputs, overwrite=overwrite)
        check_places(path, dropped)
    check_included(given.include_columns, OWN_COLUMNS)
    show = not quiet and is_terminal()
    table = given.read(vectors, show=show)
    contents = given.contents(table)
    n_pairs = len(table) * (len(table) - 1) // 2
    total, unit = max(1, n_pairs // _MILLION), "million pairs"
    with progress_bar("Comparing", total=total, unit=unit, show=show) as advance:
        found = deduplicate(
            table,
            threshold=threshold,
            keep=keep,
            contents=contents,
            include_columns=given.include_columns,
            advance=_in_millions(advance),
        )
    settings = {"threshold": threshold, "keep": keep}
    write_deduplicated(path, dropped, found, sys.stdout.buffer, settings=settings)
    if path is not None:
        _show_groups(found, contents)
    if not quiet:
        _show_counts(found, output, dropped, threshold)


def _in_millions(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Hand counts on in whole millions."""
    waiting = 0

    def count(n: int) -> None:
        nonlocal waiting
        millions, waiting = divmod(waiting + n, _MILLION)
        if millions:
            advance(millions)

    return count


def _show_groups(found: Deduplicated, contents: Contents | None) -> None:
    """The largest groups: what is kept, and the least similar of what it stands for."""
    from embedsvc.extract.rows import printable
    from embedsvc.jobs.dedupe import largest_groups

    width = shutil.get_terminal_size((100, 20)).columns
    ids, similarity = found.table.ids, found.duplicates.similarity

    def line(begin: str, position: int) -> None:
        text = None
        if contents is not None and contents.kind == "texts":
            text = contents.values[position]
        shown = f"{begin}  {printable(ids[position], limit=24)}"
        shown += f"  {printable(text, limit=width)}" if text else ""
        click.echo(shown[:width] if sys.stdout.isatty() else shown)

    for group in largest_groups(found.duplicates, _GROUPS):
        line(f"{group.size:,} rows, kept:", group.position)
        for other in group.examples:
            line(f"    {similarity[other]:.4f}", other)


def _show_counts(found: Deduplicated, output: str, dropped: Path | None, threshold: float) -> None:
    from embedsvc.report.numbers import plural

    n_dropped, rows = len(found.dropped), plural(len(found.table), "row")
    n_groups = int((found.kept.column("n_duplicates").to_numpy() > 0).sum())
    told = (
        f"{output}: {rows}, {len(found.kept):,} kept, {n_dropped:,} dropped, "
        f"which have a cosine of {threshold:g} or more to one of {n_groups:,} kept"
    )
    if not n_dropped:
        told = f"{output}: {rows}, all kept: no two of them are that similar"
    where = "" if dropped is None or not n_dropped else f"; dropped: {dropped}"
    click.echo(told + where, err=True)
