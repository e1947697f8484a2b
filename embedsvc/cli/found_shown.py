"""What commands that find rows show where no output is named."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pyarrow as pa

_ID_WIDTH = 40


def show_found(found: pa.Table, names: Mapping[str, str]) -> None:
    """A block a query: score, id, and the beginning of the text.

    Args:
        found: rows `query`, `rank`, `id`, `similarity` or `distance`, and perhaps `text` or
            `image`.
        names: what to call queries instead, where that tells more.
    """
    from embedsvc.extract.rows import printable

    width = shutil.get_terminal_size((100, 20)).columns if sys.stdout.isatty() else 1000
    score = "distance" if "distance" in found.column_names else "similarity"
    shown = next((name for name in ("text", "image") if name in found.column_names), "")
    rows = found.to_pylist()
    longest = min(_ID_WIDTH, max((len(row["id"]) for row in rows), default=0))
    for number, row in enumerate(rows):
        if row["rank"] == 1:
            query = printable(names.get(row["query"], row["query"]), limit=width)
            click.echo(("\n" if number else "") + query)
        name = printable(row["id"], limit=None)
        text = printable(row.get(shown) or "", limit=width)
        click.echo(f"  {row[score]:.4f}  {name:<{longest}}  {text}".rstrip()[:width])
