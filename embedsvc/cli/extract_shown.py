"""What `embedsvc extract` shows of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedsvc.files import format_bytes

if TYPE_CHECKING:
    from embedsvc.extract.estimate import DryRun, TextDryRun
    from embedsvc.extract.estimate_images import ImageDryRun
    from embedsvc.extract.kinds import Kind
    from embedsvc.extract.parts import Summary
    from embedsvc.extract.rows import Reject


def show_summary(summary: Summary, kind: Kind, encoder: Any, output: str) -> None:
    """The last line, on stderr; more lines where the user should know more."""
    if summary.stood_already:
        click.echo(f"{output} is already complete: nothing to do.", err=True)
        return
    parts = [f"{summary.rows:,} {kind.name}"]
    parts += [f"{n:,} {name}" for name, n in summary.counts.items() if n or name != "empty"]
    if summary.resumed:
        parts.append(f"{summary.resumed:,} {kind.name} from the run before")
    parts.append(f"{summary.rejects:,} rejects")
    parts.append(f"{summary.seconds:.1f} s")
    parts.append(f"{summary.rate:,.0f} {kind.name}/s")
    click.echo(f"{output}: " + ", ".join(parts), err=True)
    if truncated := summary.counts.get("truncated", 0):
        limit = encoder.describe()["max_tokens"]
        click.echo(
            f"{truncated:,} texts are longer than {limit} tokens and were cut there; "
            "their rows say truncated. To use all of a text: --on-long split.",
            err=True,
        )
    if summary.rejects and output != "-":
        click.echo(f"The rejects are in {output}.rejects.jsonl.", err=True)


def show_reject(reject: Reject) -> None:
    """A defect that is skipped while results are streamed."""
    click.echo(f"Rejected {reject.where}: {reject.reason}", err=True)


def show_text_dry_run(result: TextDryRun) -> None:
    """What a run over texts would be like, on stdout."""
    lengths = f"{result.tokens:,} (longest text {result.longest:,})"
    details = {"tokens": lengths, "too long": f"{result.too_long:,}"}
    _show_dry_run(result, "rows", details, "texts by tokens")


def show_image_dry_run(result: ImageDryRun) -> None:
    """What a run over images would be like, on stdout."""
    pixels = f"{result.pixels / max(1, result.rows) / 1e6:,.2f} megapixels an image"
    details = {"size": f"{format_bytes(result.bytes)}, {pixels}"}
    _show_dry_run(result, "images", details, "images by longer side in pixels")


def _show_dry_run(result: DryRun, unit: str, details: dict[str, str], title: str) -> None:
    click.echo(f"{unit:<9} {result.rows:,}")
    click.echo(f"rejects   {result.rejects:,}")
    for reject in result.examples:
        click.echo(f"          {reject.where}: {reject.reason}")
    for name, value in details.items():
        click.echo(f"{name:<9} {value}")
    click.echo(f"vectors   {result.vector_bytes / 1e6:,.1f} MB as float32")
    click.echo(f"time      about {_duration(result.seconds)} on this machine")
    if result.histogram:
        click.echo(title)
    most = max(result.histogram.values(), default=1)
    for edge, count in result.histogram.items():
        label = "more" if edge is None else f"to {edge}"
        click.echo(f"  {label:>7} {count:>11,} {'#' * -(-40 * count // most)}")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
