"""`embedsvc train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from embedsvc.cli.epochs_shown import epoch_lines
from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import quiet_start

if TYPE_CHECKING:
    from embedsvc.jobs.train_options import TrainOptions
    from embedsvc.jobs.train_plan import TrainPlan
    from embedsvc.jobs.train_result import TrainResult

# Of TextClassifier, under the same names here.
_SETTINGS = (
    "pooling",
    "max_tokens",
    "dropout",
    "loss",
    "focal_gamma",
    "weight_penalty",
    "weight_decay",
    "epochs",
    "batch_size",
    "learning_rate",
    "warmup",
    "validation_fraction",
    "patience",
    "seed",
)


@click.command(short_help="Train a classifier of texts on your own labels.")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the classifier, with metrics.json, history.csv, history.png and report.html.",
)
@click.option("--column", help="Column of the texts.  [default: text]")
@click.option(
    "--label",
    default="label",
    show_default=True,
    help="Column of the labels; or several columns with 0 and 1, separated by commas.",
)
@click.option(
    "--label-separator",
    help="Between the labels in one cell; makes the task multilabel.  [default: , if it is]",
)
@click.option(
    "--task",
    type=click.Choice(["auto", "binary", "multiclass", "multilabel"]),
    default="auto",
    show_default=True,
    help="One of two labels a text, one of many, or any number.",
)
@click.option(
    "--model",
    default="minilm",
    show_default=True,
    help="Pretrained model: catalogue name, folder, huggingface:OWNER/NAME or tfhub:HANDLE.",
)
@click.option(
    "--freeze",
    type=click.Choice(["encoder"]),
    help="Leave the encoder as it is: vectors are computed once and the head learns from them.",
)
@click.option("--unfreeze", metavar="all|N", help="Layers to train, from the top.  [default: all]")
@click.option("--validation", multiple=True, help="Labelled file that chooses the best epoch.")
@click.option(
    "--validation-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    help="Share held out to choose the best epoch, without --validation.  [default: 0.1]",
)
@click.option("--test", multiple=True, help="Labelled file that only measures.")
@click.option("--sample-weight", metavar="COLUMN", help="Column of how much each text counts.")
@click.option(
    "--class-weight",
    metavar="balanced|none|FILE",
    default="none",
    show_default=True,
    help="How much each label counts; FILE is JSON or CSV, label and weight.",
)
@click.option(
    "--loss", type=click.Choice(["cross_entropy", "focal"]), help="[default: cross_entropy]"
)
@click.option("--focal-gamma", type=click.FloatRange(0), help="Of the focal loss.  [default: 2]")
@click.option(
    "--activity-penalty",
    metavar="LAYER=l2:1e-4",
    multiple=True,
    help="On what a layer puts out, such as embedding or layer_3; may be repeated.",
)
@click.option("--weight-penalty", metavar="l2:1e-4", help="On the weights of all dense layers.")
@click.option("--weight-decay", type=click.FloatRange(0), help="Of AdamW.  [default: 0.01]")
@click.option(
    "--hidden",
    metavar="256,128",
    help="Widths of dense layers ahead of the labels.  [default: 512 with --freeze encoder]",
)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    help="In the head.  [default: 0.5 with hidden layers, 0.1 without]",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="At most.  [default: by the number of texts]"
)
@click.option("--batch-size", type=click.IntRange(1), help="Texts a step.  [default: 32; head 64]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="The highest.  [default: by the model's size]",
)
@click.option(
    "--warmup",
    type=click.FloatRange(0, 1, max_open=True),
    help="Share of the steps in which the learning rate rises.  [default: 0.1]",
)
@click.option(
    "--patience", type=click.IntRange(1), help="Stop after so many epochs without a better one."
)
@click.option("--max-tokens", type=int, help="Tokens a text.  [default: the model's limit]")
@click.option(
    "--pooling",
    type=click.Choice(["mean", "max", "cls", "pooled"]),
    help="From many vectors to one.  [default: the model's; pooled where it has none]",
)
@click.option("--seed", type=click.IntRange(0), help="Equal seeds, equal results.  [default: 0]")
@click.option(
    "--format",
    "file_format",
    help="Read files as csv, tsv, jsonl or parquet.  [default: by ending]",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of text files.")
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Rows with a defect: stop, or leave them out and list them in rejects.jsonl.",
)
@click.option("--resume", is_flag=True, help="Refuse to run unless there is one to continue.")
@click.option(
    "--overwrite", is_flag=True, help="Replace the classifier, and what another command left of it."
)
@click.option("--quiet", is_flag=True, help="Print nothing.")
@click.pass_context
def train(
    ctx: click.Context,
    /,
    *,
    data: tuple[str, ...],
    output: Path,
    validation: tuple[str, ...],
    test: tuple[str, ...],
    quiet: bool,
    **others: Any,
) -> None:
    """Train a classifier on the labelled texts of DATA: a CSV, TSV, JSONL or Parquet file.

    The classifier is a BERT whose pooled output, before dropout, is also a vector of your domain:
    embedsvc extract --model OUTPUT gives it.

    \b
    embedsvc train reviews.csv --label category -o mymodel
    embedsvc train reviews.csv --freeze encoder -o quick               minutes instead of hours
    embedsvc train mails.csv --label topics --task multilabel -o topics
    embedsvc train train.csv --test test.csv --class-weight balanced -o mymodel
    embedsvc predict mymodel new.csv -o predictions.csv

    When the run is stopped, by Ctrl-C or by a dead machine, the same command continues after the
    last whole epoch. OUTPUT appears when it is complete; until then OUTPUT.parts has what is done.
    """
    del others  # Read from the context, where they are told apart from defaults.
    from embedsvc.jobs.label_columns import LabelColumns
    from embedsvc.jobs.labelled_reading import LabelledReading
    from embedsvc.jobs.train_plan import plan_training
    from embedsvc.progress import is_terminal

    given = ctx.params
    reading = LabelledReading(
        LabelColumns(tuple(name.strip() for name in given["label"].split(",")), _separator(given)),
        column=given["column"],
        sample_weight=given["sample_weight"],
        format=given["file_format"],
        encoding=given["encoding"],
    )
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    plan = plan_training(
        data,
        output,
        reading=reading,
        options=_options(ctx),
        validation=validation,
        test=test,
    )
    result = _run(plan, quiet=quiet, show=is_terminal() and not quiet)
    if not quiet:
        _show(result)


def _separator(given: dict[str, Any]) -> str | None:
    """What stands between the labels of a cell; None where a cell is one label."""
    from embedsvc.jobs.label_columns import SEPARATOR

    separator: str | None = given["label_separator"]
    if separator is None and given["task"] == "multilabel":
        return SEPARATOR
    return separator


def _options(ctx: click.Context) -> TrainOptions:
    """What is asked for; settings that are not named are left to `TextClassifier`."""
    from embedsvc.errors import InputError
    from embedsvc.jobs.train_options import (
        TrainOptions,
        parse_activity_penalties,
        parse_hidden,
        parse_unfreeze,
    )

    given = ctx.params
    settings = {
        name: given[name]
        for name in _SETTINGS
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    if given["freeze"] and given["unfreeze"] is not None:
        raise InputError(
            "Expected --freeze encoder or --unfreeze, got both. --freeze encoder trains the head "
            "alone, --unfreeze layers of the encoder as well."
        )
    if given["freeze"]:
        settings["unfreeze"] = 0
    elif given["unfreeze"] is not None:
        settings["unfreeze"] = parse_unfreeze(given["unfreeze"])
    if given["hidden"] is not None:
        settings["hidden"] = parse_hidden(given["hidden"])
    if given["activity_penalty"]:
        settings["activity_penalties"] = parse_activity_penalties(given["activity_penalty"])
    return TrainOptions(
        model=given["model"],
        task=given["task"],
        class_weight=given["class_weight"],
        settings=settings,
        resume=given["resume"],
        overwrite=given["overwrite"],
        on_error=given["on_error"],
    )


def _run(plan: TrainPlan, *, quiet: bool, show: bool) -> TrainResult:
    from embedsvc.extract.rows import printable
    from embedsvc.jobs.train import run_training, standing

    if not quiet:
        for line in plan.lines():
            click.echo(printable(line, limit=None), err=True)
        for note in plan.notes():
            show_note(note)
    result = standing(plan)
    if result is not None:
        return result
    with quiet_start():
        import embedsvc.classify.classifier  # noqa: F401
    return run_training(
        plan,
        on_epoch=epoch_lines(quiet=quiet),
        tell=lambda line: None if quiet else click.echo(f"{line}.", err=True),
        show_progress=show,
    )


def _show(result: TrainResult) -> None:
    if result.stood_already:
        click.echo(f"{result.output} is already complete: nothing to do.", err=True)
    for note in result.notes:
        show_note(note)
    for line in result.lines():
        click.echo(line)
    click.echo(f"Report: {result.report}")
