"""What `embedsvc collect` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from embedsvc.files import format_bytes

if TYPE_CHECKING:
    from embedsvc.collection.adding import Added
    from embedsvc.collection.checking import Listed

_NONE = "-"
_RATED = 1000


def show_added(name: str, added: Added, n_rows: int) -> None:
    """The last line of an addition, on stderr."""
    from embedsvc.report.numbers import plural

    counts = (
        (added.new, "new"),
        (added.changed, "changed"),
        (added.relabelled, "with other columns"),
        (added.unchanged, "there already"),
        (added.repeated, "repeated"),
        (added.rejects, "rejects"),
    )
    told = [f"{count:,} {words}" for count, words in counts if count]
    made = added.new + added.changed
    # Of a few rows it would tell how long loading the model took.
    rate = f", {made / added.seconds:,.0f} rows/s" if made >= _RATED and added.seconds else ""
    click.echo(
        f"{name}: {', '.join(told)}; {plural(n_rows, 'row')} in all, {added.seconds:.1f} s{rate}",
        err=True,
    )


def show_collections(found: Sequence[Listed], database: str) -> None:
    """A line a collection."""
    if not found:
        click.echo(
            f"No collections in {database}. Make one: embedsvc collect add NAME FILE", err=True
        )
        return
    rows = [("NAME", "ROWS", "DIM", "MODEL", "SIZE", "CHANGED")]
    rows += [
        (
            one.name,
            _NONE if one.rows is None else f"{one.rows:,}",
            _NONE if one.dim is None else f"{one.dim:,}",
            one.model or _NONE,
            _NONE if one.bytes is None else format_bytes(one.bytes),
            one.changed or _NONE,
        )
        for one in found
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    for one in found:
        if one.problem is not None:
            click.echo(f"Note: {one.problem}", err=True)


def show_info(described: Mapping[str, Any]) -> None:
    """A line a fact."""
    from embedsvc.extract.rows import printable

    facts: dict[str, str] = {
        "collection": described["name"],
        "database": described["database"],
        "rows": f"{described['rows']:,} {described['of']}",
        "columns": ", ".join(f"{name} ({kind})" for name, kind in described["columns"].items()),
        "model": f"{described['model'] or 'unknown'}, {described['metadata']['dim']:,} dimensions",
        "index": _index_in_words(described["index"]),
        "size": _size_in_words(described),
        "versions": f"{described['versions']:,}, in {described['files']:,} files of rows",
        "changed": described["changed"],
        **_check_in_words(described.get("check")),
    }
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {printable(value or _NONE, limit=None)}")


def _index_in_words(index: Mapping[str, Any] | None) -> str:
    if index is None:
        return "none: every search is exact"
    return (
        f"{index['kind']}, {index['rows']:,} rows in {index['lists']:,} lists, of which "
        f"{index['probes']:,} are searched; {index['rows_outside']:,} rows outside of it"
    )


def _size_in_words(described: Mapping[str, Any]) -> str:
    size = format_bytes(described["bytes"])
    whole = described["bytes_with_old_versions"]
    return size if whole is None else f"{size}, {format_bytes(whole)} with old versions"


def _check_in_words(check: Mapping[str, Any] | None) -> dict[str, str]:
    if check is None:
        return {}
    recall = check["recall_at_10"]
    return {
        "recall@10": "1, as every search is exact"
        if recall is None
        else f"{recall:.3f}, of {check['queries']:,} rows looked for",
        "unique ids": f"{check['unique_ids']:.2%}",
        "broken vectors": f"{check['broken_vectors']:,} with NaN or infinity",
        "zero vectors": f"{check['zero_vectors']:,}, which no search finds",
    }
