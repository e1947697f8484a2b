"""`embedsvc similar`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from embedsvc.cli.found_shown import show_found
from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import load_encoder
from embedsvc.cli.vector_options import Given, vector_options


@click.command(short_help="Find the vectors most like a text, an image or each other.")
@click.argument("vectors")
@click.option(
    "--query",
    "queries",
    multiple=True,
    help="A text, or the file of an image where VECTORS are of images; may be repeated.",
)
@click.option("--id", "ids", multiple=True, help="A row of VECTORS; may be repeated.")
@click.option("--queries", "queries_file", help="File of texts, of vectors, or folder of images.")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@click.option(
    "--metric",
    type=click.Choice(["cosine", "dot", "euclidean"]),
    default="cosine",
    show_default=True,
    help="What is similar.",
)
@click.option(
    "-o",
    "--output",
    help="Where to write: .csv, .parquet, .jsonl, or - for JSON lines.  [default: shown as text]",
)
@click.option("--model", help="What encodes the queries.  [default: the model that made VECTORS]")
@vector_options
def similar(
    *,
    vectors: str,
    queries: tuple[str, ...],
    ids: tuple[str, ...],
    queries_file: str | None,
    k: int,
    metric: Any,
    output: str | None,
    model: str | None,
    given: Given,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find the vectors of VECTORS that are most like a query.

    VECTORS is what embedsvc extract wrote, or anyone's .parquet, .npz, .npy or .jsonl of vectors.
    Queries are encoded with the very model that VECTORS name; another one is refused. Every vector
    is compared: what is found is exact.

    \b
    embedsvc similar reviews.parquet --query "late delivery"
    embedsvc similar reviews.parquet --id 17 -k 3
    embedsvc similar reviews.parquet --queries questions.txt -k 5 -o answers.csv
    embedsvc similar photos.parquet --query photo.jpg
    """
    from embedsvc.jobs.similar import (
        OWN_COLUMNS,
        QueryOptions,
        find_similar,
        resolve_queries,
    )
    from embedsvc.report.numbers import plural
    from embedsvc.tables.results import check_included, plan_results, write_results

    asked = QueryOptions(texts=queries, ids=ids, file=queries_file, model=model)
    if vectors == queries_file == "-":
        raise click.UsageError("Standard input can be VECTORS or --queries, not both.")
    check_included(given.include_columns, OWN_COLUMNS)
    path = None
    if output is not None:
        inputs = [Path(one) for one in (vectors, queries_file) if one not in (None, "-")]
        path = plan_results(output, inputs, overwrite=overwrite)
    table = given.read(vectors)
    contents = given.contents(table)
    resolved = resolve_queries(table, asked, load=load_encoder)
    found = find_similar(
        table,
        resolved,
        k=k,
        metric=metric,
        contents=contents,
        include_columns=given.include_columns,
    )
    if not quiet and k > len(table):
        show_note(f"{table.label} has {plural(len(table), 'vector')}, fewer than -k {k}.")
    if output is None:
        show_found(found, resolved.shown(contents))
        return
    metadata = {"made_by": "similar", "metric": metric, "k": k, "vectors": table.metadata}
    write_results(path, found, sys.stdout.buffer, metadata=metadata)
    if not quiet and path is not None:
        asked_for = plural(len(resolved.names), "query", "queries")
        click.echo(f"{output}: {asked_for}, {plural(len(found), 'row')}", err=True)
