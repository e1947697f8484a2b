"""`embedsvc predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsvc.cli.column_names import split_names
from embedsvc.cli.extract_shown import show_reject
from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import quiet_start

if TYPE_CHECKING:
    from embedsvc.extract.parts import Summary
    from embedsvc.jobs.predict_plan import Predicted, PredictPlan


@click.command(short_help="Classify texts with a trained classifier.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    help="Where to write: .csv, .parquet, .jsonl, or - for JSON lines.",
)
@click.option("--column", help="Column of the texts.  [default: text, or the only one]")
@click.option("--id-column", help="Column of the ids.  [default: the row's position, from 0]")
@click.option(
    "--include-columns",
    multiple=True,
    help="Columns to hand through to the output, separated by commas.",
)
@click.option(
    "--label",
    help="Column of the true labels, to measure; of a multi-label classifier also several columns "
    "with 0 and 1, separated by commas.",
)
@click.option(
    "--label-separator",
    default=",",
    show_default=True,
    help="Between several labels in one cell of a CSV file.",
)
@click.option("--probabilities", is_flag=True, help="A column for each label's probability.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Name the K likeliest labels; of a multiclass classifier.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Probability above which a label applies; of a binary classifier the positive one.  "
    "[default: what training found]",
)
@click.option(
    "--format",
    "file_format",
    help="Read inputs as txt, csv, tsv, jsonl or parquet.  [default: by ending]",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of text files.")
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Defects in the input: stop, or write them to OUTPUT.rejects.jsonl and go on.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace the output and what another command left of it."
)
@click.option("--quiet", is_flag=True, help="No progress bar, no last lines.")
def predict(
    *,
    model: Path,
    inputs: tuple[str, ...],
    output: str,
    column: str | None,
    id_column: str | None,
    include_columns: tuple[str, ...],
    label: str | None,
    label_separator: str,
    probabilities: bool,
    top: int,
    threshold: float | None,
    file_format: str | None,
    encoding: str,
    on_error: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Classify the texts of INPUTS with the classifier in the folder MODEL.

    INPUTS are read as embedsvc extract reads texts. The output has the columns id, label,
    probability, n_tokens and truncated, and those included. Memory stays bounded whatever the size,
    but with --label, which keeps all probabilities to measure.

    \b
    embedsvc predict mymodel new.csv -o predictions.csv
    embedsvc predict mymodel test.csv --label label -o predictions.csv
    embedsvc predict mymodel new.jsonl --probabilities --include-columns key -o predictions.parquet
    echo "Where is my parcel?" | embedsvc predict mymodel - -o -

    When the run is stopped, by Ctrl-C or by a dead machine, the same command continues where it
    was. OUTPUT appears when it is complete; until then its parts are in OUTPUT.parts.
    """
    from embedsvc.extract.rows import SourceOptions
    from embedsvc.jobs.predict_options import PredictOptions
    from embedsvc.jobs.predict_plan import plan_prediction
    from embedsvc.progress import is_terminal

    reading = SourceOptions(
        column=column,
        id_column=id_column,
        include_columns=split_names(include_columns),
        format=file_format,
        encoding=encoding,
    )
    options = PredictOptions(
        label_separator=label_separator,
        probabilities=probabilities,
        top=top,
        threshold=threshold,
        label=() if label is None else tuple(name.strip() for name in label.split(",")),
        on_error=on_error,
        overwrite=overwrite,
    )
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    plan = plan_prediction(model, inputs, output, reading=reading, options=options)
    found = plan.standing() or _run(plan, show=is_terminal() and not quiet)
    if not quiet:
        _show(found, plan, output)


def _run(plan: PredictPlan, *, show: bool) -> Predicted:
    from embedsvc.jobs.predict import predict_to_file, predict_to_stream
    from embedsvc.progress import progress_bar

    classifier = _load(plan.saved.folder)
    total = plan.sources.total() if show else None
    with progress_bar("Classifying", total=total, unit="texts", show=show) as advance:
        if plan.output is None:
            return predict_to_stream(
                plan, sys.stdout.buffer, classifier, on_reject=show_reject, advance=advance
            )
        return predict_to_file(plan, plan.output, classifier, advance=advance)


def _load(folder: Path) -> Any:
    with quiet_start():
        from embedsvc.store.classifiers import load_classifier
    return load_classifier(folder)


def _show(found: Predicted, plan: PredictPlan, output: str) -> None:
    """The last line on stderr, and figures on stdout, unless predictions go there."""
    from embedsvc.jobs.predict_metrics import in_words, notes_about
    from embedsvc.jobs.predict_output import metrics_file

    _show_summary(found.summary, plan, output)
    metrics = found.metrics
    if metrics is None:
        return
    for note in notes_about(metrics):
        show_note(note)
    streamed = plan.output is None
    if metrics["n_measured"]:
        click.echo(f"{metrics['n_measured']:,} texts measured: {in_words(metrics)}", err=streamed)
    if plan.output is not None:
        click.echo(f"Metrics: {metrics_file(plan.output)}")


def _show_summary(summary: Summary, plan: PredictPlan, output: str) -> None:
    if summary.stood_already:
        click.echo(f"{output} is already complete: nothing to do.", err=True)
        return
    parts = [f"{summary.rows:,} texts"]
    if empty := summary.counts["empty"]:
        parts.append(f"{empty:,} empty")
    if summary.resumed:
        parts.append(f"{summary.resumed:,} texts from the run before")
    parts += [f"{summary.rejects:,} rejects", f"{summary.seconds:.1f} s"]
    click.echo(f"{output}: {', '.join(parts)}, {summary.rate:,.0f} texts/s", err=True)
    if truncated := summary.counts["truncated"]:
        click.echo(
            f"{truncated:,} texts are longer than {plan.saved.max_tokens} tokens and were "
            "classified by their beginnings; their rows say truncated.",
            err=True,
        )
    if summary.rejects and plan.output is not None:
        click.echo(f"The rejects are in {output}.rejects.jsonl.", err=True)
