"""`embedsvc extract`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.startup import quiet_start

if TYPE_CHECKING:
    from embedsvc.encoders.text import TextEncoder
    from embedsvc.extract.estimate import DryRun
    from embedsvc.extract.parts import Summary
    from embedsvc.extract.rows import Reject


@click.command(short_help="Turn texts into vectors.")
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "-o", "--output", help="Where to write: .parquet, .npz, .npy, .jsonl, or - for JSON lines."
)
@click.option(
    "--model",
    default="minilm",
    show_default=True,
    help="Catalogue name, folder, or huggingface:OWNER/NAME.",
)
@click.option("--column", help="Column of the texts.  [default: text, or the only one]")
@click.option("--id-column", help="Column of the ids.  [default: the row's position, from 0]")
@click.option(
    "--include-columns",
    multiple=True,
    help="Columns to hand through to the output, separated by commas.",
)
@click.option(
    "--format",
    "file_format",
    help="Read inputs as txt, csv, tsv, jsonl or parquet.  [default: by ending]",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of text files.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="Of the vectors; int8 has its scale in the metadata.",
)
@click.option(
    "--pooling",
    type=click.Choice(["mean", "cls", "max", "pooled"]),
    help="From token vectors to a text's.  [default: the model's]",
)
@click.option("--normalize/--no-normalize", default=None, help="Vectors of length 1.")
@click.option("--max-tokens", type=int, help="Tokens a text.  [default: the model's limit]")
@click.option(
    "--on-long",
    type=click.Choice(["truncate", "error", "split"]),
    default="truncate",
    show_default=True,
    help="Longer texts: cut and count them, treat them as defects, or average their chunks.",
)
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Defects in the input: stop, or write them to OUTPUT.rejects.jsonl and go on.",
)
@click.option("--batch-tokens", type=click.IntRange(min=1), help="Padded tokens a batch.")
@click.option(
    "--overwrite", is_flag=True, help="Replace the output and what another command left of it."
)
@click.option("--dry-run", is_flag=True, help="Report rows, lengths and time; write nothing.")
@click.option("--quiet", is_flag=True, help="No progress bar, no last line.")
def extract(
    *,
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    column: str | None,
    id_column: str | None,
    include_columns: tuple[str, ...],
    file_format: str | None,
    encoding: str,
    dtype: str,
    pooling: str | None,
    normalize: bool | None,
    max_tokens: int | None,
    on_long: str,
    on_error: str,
    batch_tokens: int | None,
    overwrite: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Turn the texts of INPUTS into vectors.

    INPUTS are .txt (a text a line), .csv, .tsv, .jsonl or .parquet files, globs, or - for
    standard input; the text kinds may be gzipped (.gz). Memory stays bounded whatever their size.

    \b
    embedsvc extract reviews.csv --column review --id-column id -o reviews.parquet
    embedsvc extract 'logs/*.jsonl.gz' --column message -o logs.parquet --on-error skip
    embedsvc extract reviews.csv --dry-run
    echo hello | embedsvc extract - -o -

    When the run is stopped, by Ctrl-C or by a dead machine, the same command continues where it
    was. OUTPUT appears when it is complete; until then its parts are in OUTPUT.parts.
    """
    from embedsvc.extract.estimate import dry_run as run_dry
    from embedsvc.extract.estimate import estimate_rows
    from embedsvc.extract.job import (
        ExtractOptions,
        check_stream,
        extract_to_file,
        extract_to_stream,
    )
    from embedsvc.extract.rows import SourceOptions
    from embedsvc.extract.sources import open_sources
    from embedsvc.extract.standing import check_columns, check_output
    from embedsvc.progress import is_terminal, progress_bar

    if output is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output', such as -o vectors.parquet.")
    reading = SourceOptions(
        column=column,
        id_column=id_column,
        include_columns=tuple(name for names in include_columns for name in names.split(",")),
        format=file_format,
        encoding=encoding,
    )
    options = ExtractOptions(
        dtype=dtype, on_error=on_error, refuse_long=on_long == "error", overwrite=overwrite
    )
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    sources = open_sources(inputs, reading)
    check_columns(reading)
    if output == "-":
        check_stream(options)
    elif output is not None:
        check_output(Path(output), sources)
    encoder = _load_encoder(
        model,
        pooling=pooling,
        normalize=normalize,
        max_tokens=max_tokens,
        # A text that is too long is then a defect of its row, with file and line.
        on_long="truncate" if on_long == "error" else on_long,
        batch_tokens=batch_tokens,
    )
    if dry_run:
        _print_dry_run(run_dry(sources, encoder, unique_ids=id_column is not None))
        return
    show = is_terminal() and not quiet
    total = estimate_rows(sources) if show else None
    with progress_bar("Embedding", total=total, unit="texts", show=show) as advance:
        if output == "-":
            summary = extract_to_stream(
                sources,
                encoder,
                sys.stdout.buffer,
                reading=reading,
                options=options,
                on_reject=_print_reject,
                advance=advance,
            )
        else:
            summary = extract_to_file(
                sources,
                encoder,
                Path(str(output)),
                reading=reading,
                options=options,
                advance=advance,
            )
    if not quiet:
        _print_summary(summary, encoder, str(output))


def _load_encoder(model: str, **settings: Any) -> TextEncoder:
    from embedsvc.catalogue.cards import get_model
    from embedsvc.errors import ArtifactError, InputError

    try:
        if not Path(model).is_dir() and not {"/", "."} & set(model):
            get_model(model)
        with quiet_start():
            from embedsvc.encoders.registry import load_encoder
        return load_encoder(model, **settings)
    except InputError as err:
        # It is the model that is not usable, and no row of the input: another exit code.
        raise ArtifactError(str(err)) from err


def _print_summary(summary: Summary, encoder: TextEncoder, output: str) -> None:
    if summary.stood_already:
        click.echo(f"{output} is already complete: nothing to do.", err=True)
        return
    parts = [f"{summary.rows:,} texts", f"{summary.tokens:,} tokens"]
    if summary.resumed:
        parts.append(f"{summary.resumed:,} texts from the run before")
    if summary.empty:
        parts.append(f"{summary.empty:,} empty")
    parts.append(f"{summary.truncated:,} truncated")
    parts.append(f"{summary.rejects:,} rejects")
    parts.append(f"{summary.seconds:.1f} s")
    parts.append(f"{summary.rate:,.0f} texts/s")
    click.echo(f"{output}: " + ", ".join(parts), err=True)
    if summary.truncated:
        limit = encoder.describe()["max_tokens"]
        click.echo(
            f"{summary.truncated:,} texts are longer than {limit} tokens and were cut there; "
            "their rows say truncated. To use all of a text: --on-long split.",
            err=True,
        )
    if summary.rejects and output != "-":
        click.echo(f"The rejects are in {output}.rejects.jsonl.", err=True)


def _print_reject(reject: Reject) -> None:
    click.echo(f"Rejected {reject.where}: {reject.reason}", err=True)


def _print_dry_run(result: DryRun) -> None:
    click.echo(f"rows      {result.rows:,}")
    click.echo(f"rejects   {result.rejects:,}")
    for reject in result.examples:
        click.echo(f"          {reject.where}: {reject.reason}")
    click.echo(f"tokens    {result.tokens:,} (longest text {result.longest:,})")
    click.echo(f"too long  {result.too_long:,}")
    click.echo(f"vectors   {result.vector_bytes / 1e6:,.1f} MB as float32")
    click.echo(f"time      about {_duration(result.seconds)} on this machine")
    if result.histogram:
        click.echo("texts by tokens")
    most = max(result.histogram.values(), default=1)
    for edge, count in result.histogram.items():
        label = "more" if edge is None else f"to {edge}"
        click.echo(f"  {label:>7} {count:>11,} {'#' * -(-40 * count // most)}")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
