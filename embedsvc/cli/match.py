"""`embedsvc match`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import quiet_start
from embedsvc.cli.vector_options import output_options

if TYPE_CHECKING:
    from embedsvc.jobs.match import Matched, MatchOptions, Picture
    from embedsvc.pairs.pair import Describer


@click.command(short_help="Find matching points in two pictures.")
@click.argument("image_a", metavar="IMAGE_A", type=click.Path(path_type=Path))
@click.argument("image_b", metavar="IMAGE_B", type=click.Path(path_type=Path))
@click.option(
    "--model",
    required=True,
    help="What describes points: the folder of a trained descriptor, efficientnet-lite0 "
    "(untrained), or sift, orb, hog or raw.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    help="The matches: .csv, .parquet, .jsonl, or - for JSON lines.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Draw the matches into this .png.",
)
@click.option("--before", help="Another model, whose matches are drawn above those of --model.")
@click.option(
    "--keypoints",
    type=click.Choice(["corners", "grid"]),
    default="corners",
    show_default=True,
    help="Where to look.",
)
@click.option(
    "--points",
    "n_points",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="How many points to look at in each picture.",
)
@click.option(
    "--points-a",
    type=click.Path(path_type=Path),
    help="Table of the points of IMAGE_A (columns x,y in pixels), instead of keypoints.",
)
@click.option("--points-b", type=click.Path(path_type=Path), help="Table of the points of IMAGE_B.")
@click.option(
    "--ratio",
    type=click.FloatRange(0, 1, min_open=True),
    help="Leave out matches whose next best is nearly as near: distance to the match over distance "
    "to the next best, at most this; 0.8 to 0.95 are usual.  [default: keep all]",
)
@click.option(
    "--mutual/--no-mutual",
    default=True,
    show_default=True,
    help="Keep matches only where each is the most similar to the other.",
)
@click.option(
    "--ransac/--no-ransac",
    default=True,
    show_default=True,
    help="Find the homography that most matches agree on.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    help="Pixels up to which a match agrees with the homography.  [default: 3, and in proportion "
    "more in pictures of over 1600 pixels]",
)
@output_options
def match(
    *,
    image_a: Path,
    image_b: Path,
    model: str,
    output: str,
    plot: Path | None,
    before: str | None,
    keypoints: Any,
    n_points: int,
    points_a: Path | None,
    points_b: Path | None,
    ratio: float | None,
    mutual: bool,
    ransac: bool,
    threshold: float | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find points of IMAGE_A and the same places in IMAGE_B.

    Points are where corners and spots are, or on a grid, or given. Each is described by --model and
    matched with the most similar one. Rows are x1, y1, x2, y2 (in pixels, from the middle of the
    one at the top left), similarity, ratio, and inlier: whether the match agrees with the
    homography that most do. That one relates pictures of something flat, or taken from one place;
    it is written to OUTPUT.homography.json.

    \b
    embedsvc match a.jpg b.jpg --model descriptor -o matches.csv --plot matches.png
    embedsvc match a.jpg b.jpg --model descriptor --before efficientnet-lite0 -o matches.csv \\
        --plot before-and-after.png
    embedsvc match a.jpg b.jpg --model sift --ratio 0.8 --no-ransac -o -
    """
    from embedsvc.jobs.describers import find_describer
    from embedsvc.jobs.match import MatchOptions, read_picture
    from embedsvc.jobs.match_outputs import check_picture, draw_matches, write_matches
    from embedsvc.tables.results import plan_results

    _check_usage(model, plot, before, ransac=ransac, threshold=threshold)
    options = MatchOptions(n_points, keypoints, ratio, mutual, ransac, threshold)
    inputs = [one for one in (image_a, image_b, points_a, points_b) if one is not None]
    path = plan_results(output, inputs, overwrite=overwrite)
    if plot is not None:
        check_picture(plot, inputs, overwrite=overwrite)
    models = [(one, find_describer(one)) for one in (before, model) if one is not None]
    a = read_picture(image_a, points_a, options)
    b = read_picture(image_b, points_b, options)
    found = _match_all(a, b, [load for _, load in models], options, quiet=quiet)
    matched = found[-1][1]
    write_matches(path, matched, (a, b), sys.stdout.buffer, model=model, options=options)
    if plot is not None:
        draw_matches(plot, a, b, found)
    if not quiet:
        _tell(output, matched, (a, b), plot, options)


def _check_usage(
    model: str, plot: Path | None, before: str | None, *, ransac: bool, threshold: float | None
) -> None:
    if before == model:
        raise click.UsageError("--before and --model are the same: name two to compare.")
    if before is not None and plot is None:
        raise click.UsageError("--before draws its matches into --plot FILE.png, which is missing.")
    if threshold is not None and not ransac:
        raise click.UsageError("--threshold is of the homography, which --no-ransac leaves out.")


def _match_all(
    a: Picture,
    b: Picture,
    loads: Sequence[Callable[[], Describer]],
    options: MatchOptions,
    *,
    quiet: bool,
) -> list[tuple[str, Matched]]:
    """For each model what it is called, and its matches."""
    from embedsvc.jobs.match import N_DESCRIPTIONS, match_pictures
    from embedsvc.progress import is_terminal, progress_bar

    with quiet_start():
        describers = [load() for load in loads]
    total, show = N_DESCRIPTIONS * len(loads), not quiet and is_terminal()
    with progress_bar("Matching", total=total, unit="pictures", show=show) as advance:
        return [
            (one.name, match_pictures(a, b, one, options, advance=advance)) for one in describers
        ]


def _tell(
    output: str,
    matched: Matched,
    pictures: tuple[Picture, Picture],
    plot: Path | None,
    options: MatchOptions,
) -> None:
    from embedsvc.jobs.match_outputs import advice, homography_facts, summary

    for note in advice(matched, pictures, options):
        show_note(note)
    if output == "-" and matched.fit is not None:
        # Where no file can stand beside the output, programs find it here.
        click.echo(json.dumps(homography_facts(matched, pictures)), err=True)
    click.echo(summary(output, matched, pictures, plot), err=True)
