"""`embedsvc pairs`: images with matching points, to learn descriptors from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.pairs_evaluate import evaluate_command
from embedsvc.cli.startup import quiet_start
from embedsvc.cli.vector_options import output_options

if TYPE_CHECKING:
    from embedsvc.datasets.pair_manifest import PairManifest
    from embedsvc.jobs.pack_pairs import Packed

_MB = 1_000_000
_SEQUENCES = 6


@click.group(short_help="Prepare pairs of images with matching points, and measure on them.")
def pairs() -> None:
    """Pairs of images with matching points: what embedsvc train-pairs learns from and is judged by.

    \b
    Examples:
      embedsvc pairs pack pairs.csv -o packed
      embedsvc pairs evaluate packed --model descriptor -o evaluation
    """


pairs.add_command(evaluate_command)


@pairs.command("pack", short_help="Check the pairs of a manifest and put them into one folder.")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write; has to be new or empty.",
)
@click.option(
    "--min-matches",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Matches that a pair needs.",
)
@click.option(
    "--max-side",
    type=click.IntRange(16, 8192),
    default=1024,
    show_default=True,
    help="Pixels; larger images are made smaller, and their points follow.",
)
@click.option(
    "--points",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="Points to draw for a pair with a homography.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(1, 10_000),
    default=128,
    show_default=True,
    help="MB of each file.",
)
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Pairs that cannot be used: stop, or list them in OUTPUT/rejects.jsonl and go on.",
)
@output_options
def pack_command(
    *,
    manifest: Path,
    output: Path,
    min_matches: int,
    max_side: int,
    points: int,
    shard_size: int,
    on_error: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Check the pairs of MANIFEST, and put images and points into a folder for training.

    MANIFEST is a CSV, TSV, JSON Lines or Parquet file with the columns image_a, image_b, and

    \b
    matches      a file with x1,y1,x2,y2 on each line, in pixels ((0, 0) is the middle of the first
                 pixel); in JSON Lines also [[x1, y1, x2, y2], ...] itself
    homography   instead: 3 x 3 numbers, or a file of them, that map points of image_a to image_b
    sequence     optional: what the pair was taken of; pairs of one sequence are never split
                 between training and evaluation. Without it: the folder of image_a

    Paths are relative to MANIFEST. Points outside of their images are left out, and the pair is
    refused where they are more than a tenth.

    \b
    embedsvc pairs pack pairs.csv -o packed
    embedsvc pairs pack pairs.jsonl -o packed --min-matches 20 --on-error skip
    embedsvc pairs pack pairs.csv -o packed --max-side 640 --overwrite

    OUTPUT appears when it is complete; Ctrl-C leaves nothing. The same files give the same bytes.
    """
    from embedsvc.datasets.pair_loading import PairLoading
    from embedsvc.datasets.pair_manifest import open_pair_manifest
    from embedsvc.jobs.pack_pairs import PackOptions, check_pack_output, pack_pairs
    from embedsvc.progress import is_terminal, progress_bar

    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    check_pack_output(output, overwrite=overwrite)
    loading = PairLoading(min_matches=min_matches, max_side=max_side, n_points=points)
    options = PackOptions(loading, shard_size * _MB, on_error, overwrite)
    opened = open_pair_manifest(manifest)
    with quiet_start():
        import embedsvc.pairs.record_writing  # noqa: F401
    show = is_terminal() and not quiet
    with progress_bar("Packing", total=opened.n_rows, unit="pairs", show=show) as advance:
        packed = pack_pairs(opened, output, options, advance=advance)
    if not quiet:
        _show(packed, opened)


def _show(packed: Packed, manifest: PairManifest) -> None:
    """What was packed, on stdout; what was left out and why, too."""
    from embedsvc.extract.rows import printable
    from embedsvc.files import format_bytes
    from embedsvc.jobs.pack_pairs import REJECTS, where
    from embedsvc.report.numbers import plural

    about = packed.about
    lines = [
        ("pairs", f"{about.n_pairs:,} of {manifest.n_rows:,}"),
        ("sequences", _sequences(about.sequences)),
        (
            "matches",
            f"{about.n_matches:,}; a pair has {about.least:,} at least, {about.median:,g} in the "
            f"median, {about.most:,} at most",
        ),
        (
            "images",
            f"at most {about.largest_side:,} pixels a side, {packed.n_shrunk:,} made smaller",
        ),
        ("size", f"{format_bytes(about.n_bytes)} in {plural(len(about.shards), 'file')}"),
        ("rejects", f"{packed.n_rejects:,}"),
    ]
    if packed.n_outside or packed.n_repeated:
        left_out = f"{packed.n_outside:,} points outside, {packed.n_repeated:,} at the same place"
        lines.insert(3, ("left out", left_out))
    for name, value in lines:
        click.echo(f"{name:<10} {printable(value, limit=None)}")
    for reject in packed.rejects:
        text = f"{where(manifest, reject)}: {reject.why}"
        click.echo(f"{'':<10} {printable(text, limit=None)}")
    if packed.n_rejects > len(packed.rejects):
        more = packed.n_rejects - len(packed.rejects)
        click.echo(f"{'':<10} {more:,} more: {about.folder / REJECTS}")
    for note in packed.notes:
        show_note(note)


def _sequences(counts: dict[str, int]) -> str:
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:_SEQUENCES])
    more = len(counts) - _SEQUENCES
    return f"{len(counts):,}: {shown}" + (f" and {more:,} more" if more > 0 else "")
