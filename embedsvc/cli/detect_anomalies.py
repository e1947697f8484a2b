"""`embedsvc detect-anomalies`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.sizes import parse_size
from embedsvc.cli.startup import quiet_start
from embedsvc.detectors.registry import DEFAULT_METHOD, DETECTORS

if TYPE_CHECKING:
    from embedsvc.jobs.detect_result import DetectResult

_SHOWN = 5


@click.command("detect-anomalies", short_help="Find the images that are not like the good ones.")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--normal",
    multiple=True,
    help="Good images to learn from: a folder, glob, file or manifest; may be repeated.",
)
@click.option("--detector", type=click.Path(path_type=Path), help="Reuse a saved detector.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the results: scores.csv, metrics.json, report.html, maps/, detector/.",
)
@click.option(
    "--method",
    type=click.Choice(list(DETECTORS)),
    help=f"How to detect.  [default: {DEFAULT_METHOD}]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Table with the columns path and label: labelled anomalies choose the threshold or train "
    "the regressor; the other half of them measures.",
)
@click.option("--save", type=click.Path(path_type=Path), help="Save the detector to this folder.")
@click.option(
    "--false-alarm-rate",
    type=float,
    help="Share of good images that may be reported.  [default: 0.05]",
)
@click.option(
    "--maps",
    metavar="all|top:N|none",
    help="Heat maps to write; hog has none.  [default: top:50]",
)
@click.option(
    "--model",
    help="Pretrained network: catalogue name or keras:NAME.  [default: efficientnet-lite0]",
)
@click.option(
    "--size",
    metavar="HxW",
    callback=parse_size,
    help="Pixels that images are brought to.  [default: the method's]",
)
@click.option(
    "--resize",
    type=click.Choice(["stretch", "fit", "crop"]),
    help="Images of another shape: stretch them, pad them, or cut their borders off.  "
    "[default: stretch]",
)
@click.option(
    "--lighting",
    type=click.Choice(["keep", "normalize"]),
    help="Brightness of images: keep it, or make it tell nothing.  [default: keep]",
)
@click.option(
    "--tiles", type=click.IntRange(min=1), help="Cut large images into N x N pieces.  [default: 1]"
)
@click.option("--no-baseline", is_flag=True, help="Leave out the comparison with HOG.")
@click.option(
    "--seed", type=click.IntRange(min=0), help="Equal seeds, equal results.  [default: 0]"
)
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Images that cannot be read: stop, or list them in scores.csv and go on.",
)
@click.option("--overwrite", is_flag=True, help="Replace what another command left in OUTPUT.")
@click.option("--quiet", is_flag=True, help="No progress bar, no last lines.")
def detect_anomalies(
    *,
    images: tuple[str, ...],
    normal: tuple[str, ...],
    detector: Path | None,
    output: Path,
    method: str | None,
    labels: Path | None,
    save: Path | None,
    false_alarm_rate: float | None,
    maps: str | None,
    model: str | None,
    size: tuple[int, int] | None,
    resize: str | None,
    lighting: str | None,
    tiles: int | None,
    no_baseline: bool,
    seed: int | None,
    on_error: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Score IMAGES by how far they are from good ones, and show which stand out.

    IMAGES are folders, globs or files; or one manifest (.csv, .parquet) with a column path; or one
    folder with train/good and test, which needs no --normal. Memory stays bounded whatever their
    number.

    \b
    embedsvc detect-anomalies new/ --normal good/ -o report
    embedsvc detect-anomalies new/ --normal good/ --method patchcore --save detector -o report
    embedsvc detect-anomalies 'today/*.jpg' --detector detector -o report-today

    When the run is stopped, by Ctrl-C or by a dead machine, the same command continues where it
    was. The exit code is 0 whether anomalies were found or not.
    """
    from embedsvc.jobs.detect import DetectOptions, Search, plan_detection
    from embedsvc.progress import is_terminal

    options = DetectOptions(
        method=method,
        model=model,
        size=size,
        resize=resize,
        lighting=lighting,
        tiles=tiles,
        false_alarm_rate=false_alarm_rate,
        baseline=not no_baseline,
        maps=maps,
        seed=seed,
        on_error=on_error,
        overwrite=overwrite,
    )
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    plan = plan_detection(images, normal, output, options=options, detector=detector, labels=labels)
    search = Search(plan, output)
    result = search.standing(save=save)
    if result is None:
        with quiet_start():
            from embedsvc.jobs.detect_run import run_detection

        show = is_terminal() and not quiet
        result = run_detection(search, save=save, show_progress=show)
    if not quiet:
        _show(result)


def _show(result: DetectResult) -> None:
    """Plain lines on stdout, warnings on stderr."""
    from embedsvc.extract.rows import printable
    from embedsvc.report.anomaly_facts import verdict
    from embedsvc.report.numbers import format_score

    if result.stood_already:
        click.echo(f"{result.output} is already complete: nothing to do.", err=True)
    for warning in (*result.warnings, *result.notes):
        show_note(warning)
    if result.resumed:
        click.echo(f"{result.resumed:,} images were scored by the run before.", err=True)
    click.echo(
        f"{verdict(result.n_anomalous, result.n_images)} "
        f"Threshold {format_score(result.threshold)}: {result.threshold_about}."
    )
    if result.n_unreadable:
        click.echo(f"{result.n_unreadable:,} images could not be read; scores.csv says why.")
    for name, score in result.top[:_SHOWN]:
        mark = "anomalous" if score > result.threshold else "normal"
        click.echo(f"  {format_score(score):>8}  {mark:<9}  {printable(name)}")
    auroc = (result.metrics or {}).get("image_auroc")
    if auroc is not None:
        other = (result.baseline_metrics or {}).get("image_auroc")
        beside = "" if other is None else f", HOG baseline {other:.3f}"
        click.echo(f"AUROC on labelled images: {result.method} {auroc:.3f}{beside}")
    click.echo(f"Report: {result.report}")
