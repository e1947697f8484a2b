"""`embedsvc cluster`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.vector_options import Given, vector_options

if TYPE_CHECKING:
    from embedsvc.jobs.cluster import Clustered


def _cluster_count(ctx: click.Context, param: click.Parameter, value: str) -> Any:
    """A whole number from 1 on, or "auto"."""
    return value if value == "auto" else click.IntRange(min=1)(value, param, ctx)


@click.command(short_help="Put vectors that are alike into clusters, and name them.")
@click.argument("vectors")
@click.option(
    "-o",
    "--output",
    required=True,
    help="Where to write: .csv, .parquet, .jsonl, or - for JSON lines.",
)
@click.option(
    "--method",
    type=click.Choice(["community", "hdbscan", "kmeans", "agglomerative"]),
    default="community",
    show_default=True,
    help="How clusters are found.",
)
@click.option(
    "-k",
    "--k",
    callback=_cluster_count,
    metavar="auto|N",
    default="auto",
    show_default=True,
    help="How many clusters; hdbscan and --threshold find that themselves.",
)
@click.option(
    "--min-size",
    type=click.IntRange(min=2),
    help="Fewest rows of a cluster, for community and hdbscan.  [default: 3 to 10, by the rows]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    help="Groups within this cosine of a middle row instead, for community.",
)
@click.option(
    "--reduce",
    "reduction",
    type=click.Choice(["auto", "spectral", "pca", "none"]),
    default="auto",
    show_default=True,
    help="To 32 dimensions first, or not; auto is spectral for hdbscan and none for others.",
)
@click.option(
    "--central",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How many of the most central rows of each cluster are ranked.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
@vector_options
def cluster(
    *,
    vectors: str,
    output: str,
    method: Any,
    k: Any,
    min_size: int | None,
    threshold: float | None,
    reduction: Any,
    central: int,
    seed: int,
    given: Given,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Put vectors that are alike into clusters.

    Each row of the output has a cluster, 0 being the largest, or -1, noise, where it is like no
    others; a name, of words that are frequent in the cluster and rare elsewhere; how sure that is;
    and its rank among the most central rows. OUTPUT.clusters.json tells more of each cluster.

    Without -k the fewest clusters are taken whose silhouette is near the best.

    \b
    embedsvc cluster reviews.parquet -o clusters.csv
    embedsvc cluster reviews.parquet -o clusters.csv --method kmeans -k 20
    embedsvc cluster reviews.parquet -o groups.csv --threshold 0.8 --min-size 5
    embedsvc cluster photos.parquet -o clusters.csv --texts photos
    """
    from embedsvc.jobs.cluster import (
        OWN_COLUMNS,
        cluster_vectors,
        clustered_rows,
        clusters_file,
    )
    from embedsvc.progress import is_terminal, progress_bar
    from embedsvc.tables.contents import no_contents
    from embedsvc.tables.results import check_included, plan_results, write_results
    from embedsvc.vectors.clustering import VectorClusterer, check_clusterer

    clusterer = VectorClusterer(
        method, k=k, min_size=min_size, threshold=threshold, reduce=reduction, seed=seed
    )
    check_clusterer(clusterer)
    path = plan_results(output, [] if vectors == "-" else [Path(vectors)], overwrite=overwrite)
    check_included(given.include_columns, OWN_COLUMNS)
    show = not quiet and is_terminal()
    table = given.read(vectors, show=show)
    contents = given.contents(table)
    with progress_bar("Clustering", total=None, unit="clusterings", show=show) as advance:
        found = cluster_vectors(
            table, clusterer, contents=contents, n_central=central, advance=advance
        )
    rows = clustered_rows(found, include_columns=given.include_columns)
    told = clusters_file(found)
    about = {key: value for key, value in told.items() if key not in ("clusters", "choice")}
    metadata = {"made_by": "cluster", **about, "vectors": table.metadata}
    write_results(path, rows, sys.stdout.buffer, metadata=metadata, extras={"clusters.json": told})
    if path is not None:
        _show_clusters(found)
    if not quiet:
        _show_summary(found, output)
        if contents is None:
            show_note(no_contents(table))


def _show_clusters(found: Clustered) -> None:
    """A line a cluster: number, size, name, and the text of its most central row."""
    from embedsvc.extract.rows import printable

    width = shutil.get_terminal_size((100, 20)).columns
    names = [printable(one.name, limit=36) for one in found.clusters]
    wide = max((len(one) for one in names), default=0)
    for one, name in zip(found.clusters, names, strict=True):
        line = f"{one.label:>4} {one.size:>7,}  "
        line += f"{name:<{wide}}  " if wide else ""
        line += printable(found.shown(one.central[0]), limit=width)
        click.echo(line[:width] if sys.stdout.isatty() else line.rstrip())


def _show_summary(found: Clustered, output: str) -> None:
    from embedsvc.report.numbers import plural

    clusterer, n = found.clusterer, len(found.table)
    told = f"{output}: {plural(n, 'row')} in {plural(clusterer.n_clusters_, 'cluster')}"
    told += f", {found.n_noise:,} ({found.n_noise / n:.1%}) in none"
    if clusterer.silhouette_ is not None:
        told += f", silhouette {clusterer.silhouette_:.3f}"
    click.echo(told, err=True)
    if clusterer.choice_ is not None:
        click.echo(f"{clusterer.choice_.reason}.", err=True)
    if clusterer.is_sampled_:
        show_note(
            f"{clusterer.n_looked_at_:,} rows were clustered, the others given to the nearest "
            "cluster."
        )
