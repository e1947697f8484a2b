"""`embedsvc extract`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from embedsvc.cli.column_names import split_names
from embedsvc.cli.extract_shown import (
    show_image_dry_run,
    show_reject,
    show_summary,
    show_text_dry_run,
)
from embedsvc.cli.sizes import parse_size
from embedsvc.cli.startup import load_encoder

if TYPE_CHECKING:
    from embedsvc.extract.choosing import Choice
    from embedsvc.extract.kinds import Inputs
    from embedsvc.extract.rows import SourceOptions

# Options by what they are about; the others suit everything.
_OF_KIND = {
    "texts": ("max_tokens", "on_long", "batch_tokens"),
    "images": ("size", "resize", "lighting", "batch_images"),
}
_OF_TABLES = ("column", "id_column", "include_columns", "file_format", "encoding")
_POOLINGS = {"texts": ("mean", "cls", "max", "pooled"), "images": ("mean", "gem", "max")}


@click.command(short_help="Turn texts or images into vectors.")
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "-o", "--output", help="Where to write: .parquet, .npz, .npy, .jsonl, or - for JSON lines."
)
@click.option(
    "--model",
    help="Catalogue name, folder, huggingface:OWNER/NAME, tfhub:HANDLE or keras:NAME.  "
    "[default: minilm for texts, efficientnet-lite0 for images]",
)
@click.option(
    "--column", help="Column of the texts, or of the paths.  [default: text, or the only one]"
)
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
    type=click.Choice(["mean", "max", "cls", "pooled", "gem"]),
    help="From many vectors to one: cls and pooled for texts, gem for images, mean and max for "
    "both.  [default: the model's]",
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
    "--size",
    metavar="HxW",
    callback=parse_size,
    help="Pixels that images are brought to.  [default: the model's]",
)
@click.option(
    "--resize",
    type=click.Choice(["stretch", "fit", "crop"]),
    default="stretch",
    show_default=True,
    help="Images of another shape: stretch them, pad them, or cut their borders off.",
)
@click.option(
    "--lighting",
    type=click.Choice(["keep", "normalize"]),
    default="keep",
    show_default=True,
    help="Brightness of images: keep it, or make it tell nothing.",
)
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Defects in the input: stop, or write them to OUTPUT.rejects.jsonl and go on.",
)
@click.option("--batch-tokens", type=click.IntRange(min=1), help="Padded tokens a batch of texts.")
@click.option("--batch-images", type=click.IntRange(min=1), help="Images a batch.")
@click.option(
    "--overwrite", is_flag=True, help="Replace the output and what another command left of it."
)
@click.option("--dry-run", is_flag=True, help="Report rows, sizes and time; write nothing.")
@click.option("--quiet", is_flag=True, help="No progress bar, no last line.")
@click.pass_context
def extract(
    ctx: click.Context,
    /,
    *,
    inputs: tuple[str, ...],
    output: str | None,
    model: str | None,
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
    size: tuple[int, int] | None,
    resize: str,
    lighting: str,
    on_error: str,
    batch_tokens: int | None,
    batch_images: int | None,
    overwrite: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Turn the texts or images of INPUTS into vectors.

    Texts are .txt (a text a line), .csv, .tsv, .jsonl or .parquet files, globs, or - for standard
    input; the text kinds may be gzipped (.gz). Images are folders, globs, or files such as .jpg and
    .png; or a table with the --column of their paths, with an image --model. Memory stays bounded
    whatever their number and size.

    \b
    embedsvc extract reviews.csv --column review --id-column id -o reviews.parquet
    embedsvc extract 'logs/*.jsonl.gz' --column message -o logs.parquet --on-error skip
    embedsvc extract photos/ -o photos.parquet
    embedsvc extract parts.csv --column path --model efficientnet-lite0 -o parts.parquet
    embedsvc extract reviews.csv --dry-run
    echo hello | embedsvc extract - -o -

    When the run is stopped, by Ctrl-C or by a dead machine, the same command continues where it
    was. OUTPUT appears when it is complete; until then its parts are in OUTPUT.parts.
    """
    from embedsvc.extract.choosing import choose
    from embedsvc.extract.job import (
        ExtractOptions,
        check_stream,
        extract_to_file,
        extract_to_stream,
    )
    from embedsvc.extract.rows import SourceOptions
    from embedsvc.extract.standing import check_columns, check_output
    from embedsvc.progress import is_terminal, progress_bar

    if output is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output', such as -o vectors.parquet.")
    reading = SourceOptions(
        column=column,
        id_column=id_column,
        include_columns=split_names(include_columns),
        format=file_format,
        encoding=encoding,
    )
    options = ExtractOptions(
        dtype=dtype, on_error=on_error, refuse_long=on_long == "error", overwrite=overwrite
    )
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    choice = choose(inputs, model=model, column=column)
    _check_options(ctx, choice)
    sources = _open(inputs, reading, choice)
    check_columns(reading, choice.kind)
    if output == "-":
        check_stream(options)
    elif output is not None:
        check_output(Path(output), sources)
    given = {**ctx.params, "on_long": "truncate" if options.refuse_long else on_long}
    names = ("pooling", "normalize", *_OF_KIND[choice.kind.name])
    encoder = _load_encoder(choice.model, {name: given[name] for name in names})
    if dry_run:
        _run_dry(sources, encoder)
        return
    show = is_terminal() and not quiet
    total = sources.total() if show else None
    with progress_bar("Embedding", total=total, unit=choice.kind.name, show=show) as advance:
        if output == "-":
            summary = extract_to_stream(
                sources,
                encoder,
                sys.stdout.buffer,
                reading=reading,
                options=options,
                on_reject=show_reject,
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
        show_summary(summary, choice.kind, encoder, str(output))


def _check_options(ctx: click.Context, choice: Choice) -> None:
    """Refuse options that would have no effect.

    Raises:
        InputError: such an option is given.
    """
    from embedsvc.errors import InputError

    kind = choice.kind.name
    refused = {
        name: f"Expected no {{option}} with {kind}: it is for {other}. Leave it out."
        for other, names in _OF_KIND.items()
        for name in names
        if other != kind
    }
    if not choice.table:
        reason = (
            "Expected no {option} with images in folders, which have no rows and columns. Leave it "
            "out, or list the images in a CSV file and pass --column, the column of their paths."
        )
        refused |= dict.fromkeys(_OF_TABLES, reason)
    for param in ctx.command.params:
        given = ctx.get_parameter_source(str(param.name)) is not ParameterSource.DEFAULT
        if given and param.name in refused:
            raise InputError(refused[param.name].format(option=param.opts[0]))
    pooling = ctx.params["pooling"]
    if pooling not in (None, *_POOLINGS[kind]):
        raise InputError(
            f"Expected a --pooling for {kind}, one of {', '.join(_POOLINGS[kind])}, "
            f"got {pooling!r}."
        )


def _open(inputs: Sequence[str], reading: SourceOptions, choice: Choice) -> Inputs:
    if choice.kind.name == "texts":
        from embedsvc.extract.sources import open_sources

        return open_sources(inputs, reading)
    from embedsvc.datasets.folders import iter_images
    from embedsvc.extract.image_inputs import open_image_table, open_images

    if choice.table:
        return open_image_table(inputs, reading)
    return open_images(inputs, reading, scan=iter_images)


def _load_encoder(model: str, settings: dict[str, Any]) -> Any:
    from embedsvc.errors import ArtifactError, InputError

    try:
        return load_encoder(model, **settings)
    except InputError as err:
        # It is the model that is not usable, and no row of the input: another exit code.
        raise ArtifactError(str(err)) from err


def _run_dry(sources: Inputs, encoder: Any) -> None:
    if sources.kind.name == "texts":
        from embedsvc.extract.estimate import dry_run

        show_text_dry_run(dry_run(sources, encoder))
    else:
        from embedsvc.extract.estimate_images import dry_run_images

        show_image_dry_run(dry_run_images(sources, encoder))
