"""`embedsvc collect`: collections of vectors that grow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.collect_shown import show_added, show_collections, show_info
from embedsvc.cli.column_names import split_names
from embedsvc.cli.extract_shown import show_reject
from embedsvc.cli.found_shown import show_found
from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import load_encoder
from embedsvc.cli.vector_options import output_options

if TYPE_CHECKING:
    from embedsvc.collection.collection import Collection
    from embedsvc.collection.searching import Asked

_database = click.option(
    "--database",
    envvar="EMBEDSVC_DATABASE",
    show_envvar=True,
    help="Folder, or s3://, gs:// or az:// address.  [default: a folder of your own data]",
)
_quiet = click.option("--quiet", is_flag=True, help="No progress bar, no last line.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group(short_help="Keep vectors in a collection that grows, and search it.")
def collect() -> None:
    """Keep texts or images with their vectors in a collection that grows, and search it.

    A collection is a table of LanceDB in a folder or an object store. What is added again is not
    encoded again; rows can be found by what they mean and by conditions on their columns.

    \b
    Examples:
      embedsvc collect add reviews reviews.csv --id-column id --include-columns stars
      embedsvc collect search reviews "late delivery" --where "stars < 3"
      embedsvc collect list
    """
    # In our own process, and before LanceDB is imported: it writes hints for programmers to stderr.
    os.environ.setdefault("LANCEDB_LOG", "off")


@collect.command("add", short_help="Add texts, images or vectors.")
@click.argument("name")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@_database
@click.option("--model", help="What encodes new rows.  [default: the collection's own; minilm]")
@click.option(
    "--column", help="Column of the texts, or of the paths.  [default: text, or the only one]"
)
@click.option("--id-column", help="Column of the ids.  [default: id, or see above]")
@click.option(
    "--include-columns", multiple=True, help="Columns to keep and filter by, separated by commas."
)
@click.option("--format", "file_format", help="Read inputs as txt, csv, tsv, jsonl or parquet.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of text files.")
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Defects in the input: stop, or leave the row out.",
)
@_quiet
def add_command(
    *,
    name: str,
    inputs: tuple[str, ...],
    database: str | None,
    model: str | None,
    column: str | None,
    id_column: str | None,
    include_columns: tuple[str, ...],
    file_format: str | None,
    encoding: str,
    on_error: str,
    quiet: bool,
) -> None:
    """Add the rows of INPUT to the collection NAME, which is made if it is not there.

    INPUT is texts or images as embedsvc extract reads them (- is standard input), or a file of
    vectors as it writes them. A row that is there under its id is changed where its text or columns
    changed, and encoded only if its text did. Without a column of ids a text is the same row
    wherever it stands, and an image is called by its path.

    \b
    embedsvc collect add reviews reviews.csv --id-column id --include-columns stars,country
    embedsvc collect add reviews 'logs/*.jsonl' --column message --on-error skip
    embedsvc collect add reviews reviews.parquet --include-columns stars
    embedsvc collect add photos photos/
    grep ERROR app.log | embedsvc collect add errors -

    Every batch is written for good before it is counted. When the run is stopped, by Ctrl-C or by
    kill -9, the same command continues where it was.
    """
    from embedsvc.collection.adding import AddOptions
    from embedsvc.collection.files import open_files
    from embedsvc.extract.rows import SourceOptions
    from embedsvc.progress import is_terminal, progress_bar

    reading = SourceOptions(
        column=column,
        id_column=id_column,
        include_columns=split_names(include_columns),
        format=file_format,
        encoding=encoding,
    )
    collection = _open(name, database, model)
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    metadata = collection.metadata if collection.exists else None
    files = open_files(inputs, reading, model=model, metadata=metadata)
    show = is_terminal() and not quiet
    total = files.total() if show else None
    with progress_bar("Adding", total=total, unit=files.kind, show=show) as advance:
        options = AddOptions(on_error=on_error, on_reject=show_reject, advance=advance)
        added = files.add(collection, options)
    if not quiet:
        show_added(name, added, len(collection))


@collect.command("search", short_help="Find the rows most like a text, an image or each other.")
@click.argument("name")
@click.argument("queries", nargs=-1, metavar="[QUERY]...")
@_database
@click.option("--id", "ids", multiple=True, help="A row of the collection; may be repeated.")
@click.option("--queries", "queries_file", help="File of texts or of vectors, or folder of images.")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@click.option("--where", help="A condition on columns in SQL that rows have to meet.")
@click.option(
    "--include-columns", multiple=True, help="Columns for the output, by commas.  [default: all]"
)
@click.option("--exact", is_flag=True, help="Compare with every row, index or not.")
@click.option("--model", help="What encodes the queries.  [default: the collection's own]")
@click.option(
    "-o",
    "--output",
    help="Where to write: .csv, .parquet, .jsonl, or - for JSON lines.  [default: shown as text]",
)
@output_options
def search_command(
    *,
    name: str,
    queries: tuple[str, ...],
    database: str | None,
    ids: tuple[str, ...],
    queries_file: str | None,
    k: int,
    where: str | None,
    include_columns: tuple[str, ...],
    exact: bool,
    model: str | None,
    output: str | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find the rows of the collection NAME that are most like QUERY: a text, or an image's file.

    Similar is what has a large cosine. Up to 100,000 rows what is found is exact; above, an index
    finds nearly all of it, see embedsvc collect info NAME --check, unless there is --exact.

    \b
    embedsvc collect search reviews "late delivery"
    embedsvc collect search reviews "late delivery" -k 3 --where "category = 'x' AND stars > 3"
    embedsvc collect search reviews --id 17
    embedsvc collect search reviews --queries questions.txt -k 5 -o answers.csv
    """
    from embedsvc.collection.searching import SearchOptions
    from embedsvc.report.numbers import plural
    from embedsvc.tables.results import plan_results, write_results

    if not (queries or ids or queries_file):
        raise click.UsageError("Give a QUERY, --id or --queries. See: embedsvc collect search -h")
    path = None
    if output is not None:
        inputs = [Path(queries_file)] if queries_file not in (None, "-") else []
        path = plan_results(output, inputs, overwrite=overwrite)
    included = split_names(include_columns)
    options = SearchOptions(k=k, where=where, columns=included or None, exact=exact)
    collection = _open(name, database, model)
    collection.check_search(options)
    asked = _resolve(collection, queries, ids, queries_file, model)
    found = collection.find(asked, options)
    if output is None:
        show_found(found, {})
        if not len(found) and not quiet:
            show_note(f"No row of {name} was found.")
        return
    about = {"made_by": "collect search", "k": k, "where": where, "vectors": collection.metadata}
    write_results(path, found, sys.stdout.buffer, metadata=about)
    if not quiet and path is not None:
        asked_for = plural(len(asked.names), "query", "queries")
        click.echo(f"{output}: {asked_for}, {plural(len(found), 'row')}", err=True)


@collect.command("list", short_help="List the collections of a database.")
@_database
@_as_json
def list_command(*, database: str | None, as_json: bool) -> None:
    """List the collections of a database.

    \b
    embedsvc collect list
    embedsvc collect list --database s3://bucket/collections --json
    """
    from dataclasses import asdict

    from embedsvc.collection.collection import list_collections
    from embedsvc.collection.database import find_database

    found = list_collections(database)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        show_collections(found, find_database(database).label)


@collect.command("info", short_help="Show what a collection holds, and check it.")
@click.argument("name")
@_database
@click.option("--check", is_flag=True, help="Read every row, and compare searches with exact ones.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the rows looked for.")
@_as_json
def info_command(*, name: str, database: str | None, check: bool, seed: int, as_json: bool) -> None:
    """Show what the collection NAME holds and is made of.

    With --check, also whether it is as it should be: the recall@10 of searches for 100 of its rows,
    the share of ids that occur once, and vectors that no search can find.

    \b
    embedsvc collect info reviews
    embedsvc collect info reviews --check --json
    """
    described = _open(name, database, None).info(check=check, seed=seed)
    if as_json:
        click.echo(json.dumps(described, indent=2))
    else:
        show_info(described)


@collect.command("remove", short_help="Remove rows, or a whole collection.")
@click.argument("name")
@_database
@click.option("--id", "ids", multiple=True, help="A row to remove; may be repeated.")
@click.option("--where", help="Remove the rows that meet this condition on columns, in SQL.")
@click.option("--all", "whole", is_flag=True, help="Remove the whole collection.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
@_quiet
def remove_command(
    *,
    name: str,
    database: str | None,
    ids: tuple[str, ...],
    where: str | None,
    whole: bool,
    yes: bool,
    quiet: bool,
) -> None:
    """Remove rows of the collection NAME, or all of it.

    \b
    embedsvc collect remove reviews --id 17 --id 18
    embedsvc collect remove reviews --where "year < 2020"
    embedsvc collect remove reviews --all --yes
    """
    from embedsvc.report.numbers import plural

    if bool(ids) + (where is not None) + whole != 1:
        raise click.UsageError("Give either --id, --where or --all.")
    collection = _open(name, database, None)
    before = len(collection)
    if not whole:
        removed = collection.remove(ids=ids or None, where=where)
        if not quiet:
            told = f"{plural(removed, 'row')} removed, {before - removed:,} left"
            click.echo(f"{name}: {told}", err=True)
            if removed < len(set(ids)):
                show_note(f"{len(set(ids)) - removed:,} of the ids were not there.")
        return
    if not yes:
        click.confirm(f"Remove {name} with {plural(before, 'row')}?", abort=True, err=True)
    collection.drop()
    if not quiet:
        click.echo(f"{name}: removed with {plural(before, 'row')}", err=True)


def _open(name: str, database: str | None, model: str | None) -> Collection:
    from embedsvc.collection.collection import Collection

    return Collection(name, database=database, encoder=model, load=load_encoder)


def _resolve(
    collection: Collection,
    texts: tuple[str, ...],
    ids: tuple[str, ...],
    file: str | None,
    model: str | None,
) -> Asked:
    """All queries with their vectors, texts first."""
    import numpy as np
    import pyarrow as pa

    from embedsvc.collection.searching import Asked
    from embedsvc.jobs.similar import QueryOptions, resolve_queries
    from embedsvc.tables.vector_table import VectorTable

    parts: list[Any] = []
    if texts or file:
        about = collection.metadata
        nothing = np.empty((0, int(about["dim"])), np.float32)
        label = f"the collection {collection.name!r}"
        table = VectorTable(label, None, nothing, [], pa.table({}), (), about)
        wanted = QueryOptions(texts=texts, file=file, model=model)
        found = resolve_queries(table, wanted, load=load_encoder)
        parts.append(Asked(found.names, found.vectors, [None] * len(found.names)))
    if ids:
        parts.append(collection.rows_as_queries(ids))
    return Asked(
        [one for part in parts for one in part.names],
        np.concatenate([part.vectors for part in parts]),
        [one for part in parts for one in part.own_ids],
    )
