"""`embedsvc plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.vector_options import Given, vector_options


@click.command(short_help="Draw a map of vectors.")
@click.argument("vectors")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Where to draw: .html is a page to move in and search, .png a picture; .csv, .parquet or "
    ".jsonl the coordinates, and - these as JSON lines.",
)
@click.option(
    "--color",
    help="Column to colour by, of groups or numbers; folder is that of images, none one colour "
    "for all.  [default: cluster; clusters are found where there is no such column]",
)
@click.option(
    "--clusters",
    type=click.Path(path_type=Path),
    help="What embedsvc cluster wrote, or any table with ids: --color then names its columns.",
)
@click.option(
    "--method",
    type=click.Choice(["umap", "tsne", "pca"]),
    help="How vectors are laid out.  [default: umap, if it is installed]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same map."
)
@click.option(
    "--theme",
    type=click.Choice(["light", "dark"]),
    default="light",
    show_default=True,
    help="Of a .png; a page follows its reader's settings.",
)
@click.option("--title", help="What stands above.  [default: the name of the file]")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    help="Draw so many vectors, chosen at random.  [default: all, up to 50,000]",
)
@vector_options
def plot(
    *,
    vectors: str,
    output: Path,
    color: str | None,
    clusters: Path | None,
    method: Any,
    seed: int,
    theme: Any,
    title: str | None,
    sample: int | None,
    given: Given,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Draw a map of VECTORS on which similar texts or images lie close together.

    VECTORS is what embedsvc extract wrote, or anyone's .parquet, .npz, .npy or .jsonl of vectors.
    Colours are those of clusters, unless --color names a column. The page is one file: hover to
    read a text or see an image, search, draw around points to list them. It asks nothing from the
    network.

    \b
    embedsvc plot reviews.parquet -o map.html
    embedsvc plot reviews.parquet -o map.png --color stars --theme dark
    embedsvc plot reviews.parquet -o map.html --clusters clusters.csv
    embedsvc plot photos.parquet -o map.html --texts PHOTOS
    """
    from embedsvc.jobs.plot import PlotNotes, PlotOptions, check_plot, sampled, wanted_columns
    from embedsvc.jobs.plot import plot as draw
    from embedsvc.tables.contents import no_contents

    options = PlotOptions(
        output=output,
        color=color,
        clusters=clusters,
        method=method,
        seed=seed,
        theme=theme,
        title=title,
        sample=sample,
        include_columns=given.include_columns,
        overwrite=overwrite,
    )
    inputs = [Path(vectors)] if vectors != "-" else []
    check_plot(options, inputs if clusters is None else [*inputs, clusters])
    show = None if not quiet else False
    table = given.read(vectors, more_columns=wanted_columns(options))
    notes = PlotNotes((lambda text: None) if quiet else show_note, show)
    drawn = sampled(table, options, notes)
    contents = given.contents(drawn)
    if contents is None and output.suffix.lower() == ".html" and not quiet:
        show_note(no_contents(table))
    line = draw(drawn, contents, options, notes, n_all=len(table))
    if not quiet:
        click.echo(line, err=True)
