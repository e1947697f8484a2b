"""`embedsvc outliers`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.vector_options import Given, vector_options

if TYPE_CHECKING:
    from embedsvc.jobs.outliers import Outliers

_SHOWN = 10


@click.command(short_help="Find texts or images that are unlike all the others.")
@click.argument("vectors")
@click.option(
    "-o",
    "--output",
    required=True,
    help="Where to write: .csv, .parquet, .jsonl, or - for JSON lines.",
)
@click.option(
    "--normal",
    help="Vectors of normal texts or images to compare with.  [default: with each other]",
)
@click.option(
    "--method",
    type=click.Choice(["knn", "mahalanobis", "ocsvm"]),
    default="knn",
    show_default=True,
    help="Mean distance to the nearest rows, distance from the mean in the rows' spread, or a "
    "one-class SVM.",
)
@click.option(
    "-k",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many of the nearest rows, for knn.",
)
@click.option(
    "--false-alarm-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of normal rows that may be called outliers; without --normal, the share of all "
    "rows that is.  [default: 0.05 with --normal, otherwise only what sticks out]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of parts and samples.")
@vector_options
def outliers(
    *,
    vectors: str,
    output: str,
    normal: str | None,
    method: Any,
    k: int,
    false_alarm_rate: float | None,
    seed: int,
    given: Given,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find the rows of VECTORS that are unlike all others, or unlike those of --normal.

    The vectors may be of texts or of images. Each row gets an anomaly score (higher = more
    anomalous), the share of rows that score as high, and what lies nearest to it. Rows are compared
    with others only, never with themselves or their copies. For small faults in pictures of one
    product embedsvc detect-anomalies is better.

    \b
    embedsvc outliers reviews.parquet -o outliers.csv
    embedsvc outliers new.parquet --normal good.parquet -o outliers.csv --false-alarm-rate 0.01
    embedsvc outliers photos.parquet -o outliers.csv --method mahalanobis
    """
    from embedsvc.jobs.outliers import (
        OWN_COLUMNS,
        OutlierOptions,
        check_normal,
        find_outliers,
    )
    from embedsvc.progress import is_terminal, progress_bar
    from embedsvc.tables.results import check_included, plan_results, write_results

    inputs = [Path(one) for one in (vectors, normal) if one not in (None, "-")]
    path = plan_results(output, inputs, overwrite=overwrite)
    check_included(given.include_columns, OWN_COLUMNS)
    show = not quiet and is_terminal()
    table = given.read(vectors, show=show)
    good = None
    if normal is not None:
        good = given.read(normal, with_columns=False, show=show)
        check_normal(table, good)
    contents = given.contents(table)
    asked = OutlierOptions(method=method, k=k, false_alarm_rate=false_alarm_rate, seed=seed)
    total = len(table) + (0 if good is None else len(good))
    with progress_bar("Comparing", total=total, unit="vectors", show=show) as advance:
        found = find_outliers(
            table,
            asked,
            normal=good,
            contents=contents,
            include_columns=given.include_columns,
            advance=advance,
        )
    metadata = {
        "made_by": "outliers",
        "method": method,
        "k": k,
        "seed": seed,
        "false_alarm_rate": false_alarm_rate,
        "threshold": found.threshold,
        "about": found.about,
        "vectors": table.metadata,
    }
    write_results(path, found.rows, sys.stdout.buffer, metadata=metadata)
    if path is not None:
        _show(found)
    if not quiet:
        _show_counts(found, output, method)


def _show(found: Outliers) -> None:
    """The most anomalous rows: score, id, and the beginning of the text."""
    from embedsvc.extract.rows import printable

    width = shutil.get_terminal_size((100, 20)).columns
    for row in found.most_anomalous(_SHOWN):
        mark = "outlier" if row["is_outlier"] else "       "
        line = f"{row['anomaly_score']:8.4f}  {mark}  {printable(row['id'], limit=40)}"
        if row.get("text"):
            line += f"  {printable(str(row['text']), limit=width)}"
        click.echo(line[:width] if sys.stdout.isatty() else line.rstrip())


def _show_counts(found: Outliers, output: str, method: str) -> None:
    from embedsvc.report.numbers import plural

    n, total = found.n_outliers, len(found.rows)
    told = f"{output}: {plural(total, 'row')}, {plural(n, 'outlier')} ({method})"
    click.echo(told, err=True)
    if found.threshold is None:
        show_note(f"{found.about[0].upper()}{found.about[1:]}.")
    else:
        click.echo(f"Outliers score above {found.threshold:.4g}: {found.about}.", err=True)
    if found.n_compared is not None:
        show_note(f"Each row was compared with {found.n_compared:,} of them, drawn by --seed.")
