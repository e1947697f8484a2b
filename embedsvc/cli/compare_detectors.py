"""`embedsvc compare-detectors`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from embedsvc.cli.notes import show_note
from embedsvc.cli.sizes import parse_size
from embedsvc.cli.startup import quiet_start


@click.command("compare-detectors", short_help="Find the best anomaly detector for your images.")
@click.argument("dataset")
@click.option("-o", "--output", required=True, help="Folder of the results.")
@click.option(
    "--methods",
    help="Detectors to compare, separated by commas: hog, ocsvm, gaussian, patchcore, "
    "autoencoder, regressor.  [default: all that the labels allow]",
)
@click.option(
    "--size",
    metavar="HxW",
    callback=parse_size,
    help="Pixels that images are brought to.  [default: each detector's own]",
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
    type=click.Choice(["keep", "normalize", "both"]),
    default="keep",
    show_default=True,
    help="Brightness of images: keep it, make it tell nothing, or measure each detector both ways.",
)
@click.option(
    "--labelled",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Give N anomalies of the test to the regressor to learn from; they then count for nobody.",
)
@click.option(
    "--false-alarm-rate",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    help="Share of good images that may be reported.  [default: 0.05]",
)
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Images that cannot be read: stop, or leave them out and list them.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn."
)
@click.option("--overwrite", is_flag=True, help="Replace what another comparison left in OUTPUT.")
@click.option("--quiet", is_flag=True, help="No progress, only the table and warnings.")
def compare_detectors(
    *,
    dataset: str,
    output: str,
    methods: str | None,
    size: tuple[int, int] | None,
    resize: str,
    lighting: str,
    labelled: int,
    false_alarm_rate: float | None,
    on_error: str,
    seed: int,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure every anomaly detector on DATASET and say which one to use.

    DATASET is a folder with train/good, test/good and test/<defect> (masks in
    ground_truth/<defect>), a folder with good and a folder for each defect, or a table (.csv,
    .parquet) with the columns path and label, and if known mask, split, group and defect. The
    detectors learn from good images; HOG is the baseline, without deep learning, to be beaten.

    \b
    embedsvc compare-detectors tiles/ -o report/
    embedsvc compare-detectors tiles/ -o report/ --methods hog,ocsvm,patchcore
    embedsvc compare-detectors tiles/ -o report/ --labelled 20
    embedsvc compare-detectors parts.csv -o report/ --lighting both --on-error skip

    OUTPUT gets report.html to look at, metrics.json with all figures, and scores.csv with every
    detector's score of every test image. AUROC is the chance that a bad image scores higher than a
    good one: 1 is perfect, 0.5 is guessing.

    When the run is stopped, the same command continues with the detectors that are missing.
    """
    from embedsvc.jobs.compare import compare_detectors as compare
    from embedsvc.jobs.compare_kinds import CompareOptions
    from embedsvc.progress import is_terminal

    kinds = None if methods is None else tuple(name.strip().lower() for name in methods.split(","))
    options = CompareOptions(
        kinds=kinds,
        size=size,
        resize=resize,
        lighting=lighting,
        n_labelled=labelled,
        false_alarm_rate=false_alarm_rate,
        on_error=on_error,
        seed=seed,
        overwrite=overwrite,
    )
    comparison = compare(
        dataset,
        Path(output),
        options,
        before_detectors=_import_detectors,
        tell=_say_nothing if quiet else _say,
        show_progress=is_terminal() and not quiet,
    )
    metrics = comparison.metrics
    click.echo(format_table(metrics["detectors"], baseline=metrics["baseline"]))
    click.echo(f"\n{comparison.verdict}")
    for reject in metrics["rejects"]:
        click.echo(f"Left out: {reject['name']}: {reject['reason']}", err=True)
    for warning in metrics["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    if not quiet:
        for note in metrics["notes"]:
            show_note(note)
        click.echo(f"The page is {comparison.page}", err=True)


def format_table(entries: Sequence[Mapping[str, Any]], *, baseline: str | None) -> str:
    """The figures as aligned text, best first; columns that nobody has a figure for are left out.

    Args:
        entries: those of "detectors" in `metrics.json`.
        baseline: the detector marked with a star.
    """
    from embedsvc.files import format_bytes
    from embedsvc.report.numbers import format_duration, format_measure, format_percent

    columns: list[tuple[str, Any]] = [
        ("detector", lambda e: e["detector"] + (" *" if e["detector"] == baseline else "")),
        ("AUROC", lambda e: format_measure(e["image_auroc"])),
        ("95 % interval", lambda e: " to ".join(map(format_measure, e["image_auroc_interval"]))),
        ("AP", lambda e: format_measure(e["average_precision"])),
        ("F1", lambda e: format_measure(e["f1"])),
        ("false alarms", lambda e: format_percent(e["false_alarm_rate"])),
        ("pixel AUROC", lambda e: format_measure(e["pixel_auroc"])),
        ("AUPRO", lambda e: format_measure(e["aupro"])),
        ("learning", lambda e: format_duration(e["fit_seconds"])),
        ("an image", lambda e: format_duration(e["ms_per_image"] / 1000)),
        ("size", lambda e: format_bytes(e["model_bytes"])),
    ]
    if all(entry["pixel_auroc"] is None for entry in entries):
        columns = [column for column in columns if column[0] not in ("pixel AUROC", "AUPRO")]
    ranked = sorted(entries, key=lambda entry: -entry["image_auroc"])
    cells = [[name for name, _ in columns], *([show(e) for _, show in columns] for e in ranked)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in cells
    ]
    return "\n".join(lines + (["* baseline, no deep learning"] if baseline else []))


def _import_detectors() -> None:
    with quiet_start():
        import embedsvc.detectors.base  # noqa: F401


def _say(line: str) -> None:
    click.echo(line, err=True)


def _say_nothing(line: str) -> None:
    del line
