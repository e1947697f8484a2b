"""`embedsvc pairs evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.column_names import split_names
from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import quiet_start
from embedsvc.cli.vector_options import output_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsvc.pairs.packed import PackedPairs
    from embedsvc.pairs.pair import Describer
    from embedsvc.pairs.pairs_evaluation import PairsEvaluation

_NONE = "none"


@click.command("evaluate", short_help="How well descriptors find points again, on packed pairs.")
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--model",
    "models",
    multiple=True,
    help="What is measured: the folder of a trained descriptor, keras:NAME, or a name as of the "
    "others. Repeat it for several; the page is about the first.",
)
@click.option(
    "--untrained",
    default="efficientnet-lite0",
    show_default=True,
    help="Image model whose features, not trained on pairs, are measured too; none for none.",
)
@click.option(
    "--baselines",
    default="raw,hog,orb,sift,rootsift,upright-rootsift",
    show_default=True,
    help="Descriptors without a network to measure, separated by commas; none for none.",
)
@click.option("--sequences", help="Only the pairs of these sequences, separated by commas.")
@click.option(
    "--points",
    "max_points",
    type=click.IntRange(min=2),
    default=1000,
    show_default=True,
    help="Points of a pair that are measured at most; of more, as many are drawn.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of points drawn."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for metrics.json, pairs.csv (a row a pair and model), report.html, and "
    "matches.png of a pair before and after training.",
)
@output_options
def evaluate_command(
    *,
    data: Path,
    models: tuple[str, ...],
    untrained: str,
    baselines: str,
    sequences: str | None,
    max_points: int,
    seed: int,
    output: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure how often the points of packed pairs are found again.

    DATA is a folder that embedsvc pairs pack wrote. Each point of a pair's first picture is matched
    with the most similar point of the second one. Told is the share of points whose match lies
    within 1, 3, 5 and 10 pixels of the true place; AP, the average precision of the matches (are
    right ones more similar than wrong ones?); and the milliseconds that a picture takes. Means are
    over sequences, each the mean of its pairs.

    Measure on sequences that a descriptor has not learned from: the others flatter it.

    \b
    embedsvc pairs evaluate packed
    embedsvc pairs evaluate packed --model descriptor -o evaluation
    embedsvc pairs evaluate packed --model one --model other --sequences graf,wall
    embedsvc pairs evaluate packed --model descriptor --baselines none --untrained none
    """
    from embedsvc.jobs import evaluate_pairs as job
    from embedsvc.jobs import evaluate_pairs_output as outputs
    from embedsvc.pairs.packed import read_about

    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    if output is not None:
        outputs.check_evaluation_output(output, overwrite=overwrite)
    about = read_about(data)
    chosen = job.chosen_sequences(about, _names(sequences))
    features = None if untrained == _NONE else untrained
    named = () if baselines == _NONE else _names(baselines) or ()
    loads = job.choose_describers(models, features, named)
    options = {"max_points": max_points, "seed": seed}
    with quiet_start():
        import tensorflow  # noqa: F401  (it reads the pairs)

        describers = {name: load() for name, load in loads.items()}
    evaluation = _evaluate(about, chosen, describers, options, quiet=quiet)
    if output is not None:
        report = job.report_on(evaluation, about, untrained=features)
        draw = outputs.matches_of(report, about, describers)
        outputs.write_evaluation(report, output, data=data, draw_matches=draw, overwrite=overwrite)
    _tell(evaluation)
    if output is not None and not quiet:
        click.echo(f"The page is {output / 'report.html'}", err=True)


def _names(given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(map(str.strip, split_names([given])))


def _evaluate(
    about: PackedPairs,
    sequences: Mapping[str, int],
    describers: Mapping[str, Describer],
    options: dict[str, Any],
    *,
    quiet: bool,
) -> PairsEvaluation:
    from embedsvc.jobs.evaluate_pairs import evaluate, pairs_of
    from embedsvc.progress import is_terminal, progress_bar

    total = sum(sequences.values()) * len(describers)
    show = is_terminal() and not quiet
    with progress_bar("Measuring", total=total, unit="measurements", show=show) as advance:
        return evaluate(pairs_of(about, sequences), describers, advance=advance, **options)


def _tell(evaluation: PairsEvaluation) -> None:
    from embedsvc.extract.rows import printable
    from embedsvc.report.pairs_text import format_means

    for line in format_means(evaluation).splitlines():
        click.echo(printable(line, limit=None))
    drawn = {row.pair for row in evaluation.rows if row.n_points > row.n_measured}
    if drawn:
        show_note(
            f"{len(drawn):,} of {evaluation.n_pairs:,} pairs have more than "
            f"{evaluation.max_points:,} points: as many of each were drawn."
        )
