"""`embedsvc train-pairs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from embedsvc.cli.epochs_shown import epoch_lines
from embedsvc.cli.notes import show_note
from embedsvc.cli.startup import quiet_start

if TYPE_CHECKING:
    from embedsvc.jobs.train_pairs_options import PairTrainOptions
    from embedsvc.jobs.train_pairs_plan import PairTrainPlan
    from embedsvc.jobs.train_pairs_result import PairTrainResult

# By parameter here: settings of PairTrainOptions. Lists and penalties are parsed.
_SETTINGS = {
    "backbone": "backbone",
    "dim": "dim",
    "loss": "loss",
    "temperature": "temperature",
    "margin": "margin",
    "safe_radius": "safe_radius",
    "epochs": "epochs",
    "steps": "steps_per_epoch",
    "batch_size": "batch_size",
    "crop": "crop",
    "points": "points",
    "rotation": "rotation",
    "scale": "scale",
    "perspective": "perspective",
    "start_pairs": "start_pairs",
    "learning_rate": "learning_rate",
    "backbone_rate": "backbone_rate",
    "seed": "seed",
}


@click.command("train-pairs", short_help="Train a descriptor of points on pairs of images.")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the descriptor, with metrics.json, history.csv, curve.png, matches.png and "
    "report.html.",
)
@click.option(
    "--test",
    type=click.Path(path_type=Path),
    help="Packed pairs that only measure.  [default: the held-out ones]",
)
@click.option(
    "--validation",
    metavar="SHARE",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Of the sequences, or pictures, held out to choose the best epoch.",
)
@click.option(
    "--backbone",
    type=click.Choice(["efficientnet-lite0", "small"]),
    help="A network pretrained on ImageNet, or a small one from scratch.  [default: "
    "efficientnet-lite0]",
)
@click.option(
    "--loss",
    type=click.Choice(["infonce", "triplet", "contrastive"]),
    help="Softmax over all negatives, or the hardest one with a margin.  [default: infonce]",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    help="Of infonce; lower looks at the nearest negatives alone.  [default: 0.02]",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 2, min_open=True),
    help="Of triplet and contrastive.  [default: 1]",
)
@click.option(
    "--safe-radius",
    type=click.FloatRange(0),
    help="Pixels around a match where nothing is a negative.  [default: 32]",
)
@click.option("--dim", type=click.IntRange(2), help="Components of a descriptor.  [default: 384]")
@click.option(
    "--start-pairs",
    type=click.IntRange(1),
    help="Pairs from which the projection to begin with is found.  [default: 240]",
)
@click.option("--epochs", type=click.IntRange(0), help="At most; the best is kept.  [default: 4]")
@click.option("--steps", type=click.IntRange(1), help="Batches an epoch.  [default: 100]")
@click.option("--batch-size", type=click.IntRange(1), help="Pairs a batch.  [default: 2]")
@click.option(
    "--crop",
    type=click.IntRange(64, 1024),
    help="Side of what is cut out of images; a multiple of 32.  [default: 320]",
)
@click.option(
    "--points", type=click.IntRange(2, 4096), help="Matches a pair of crops.  [default: 300]"
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="The highest.  [default: 3e-4]",
)
@click.option(
    "--backbone-rate",
    type=click.FloatRange(0),
    help="That of the backbone as a share of it; 0 leaves it as it is.  [default: 0.1]",
)
@click.option(
    "--activity-penalty",
    metavar="LAYER=l2:1e-4",
    multiple=True,
    help="On what a layer puts out, such as block10_project; may be repeated.",
)
@click.option(
    "--rotation",
    type=click.FloatRange(0, 180),
    help="Degrees by which crops of a pair are turned against each other.  [default: 60]",
)
@click.option(
    "--scale",
    type=click.FloatRange(1, 8),
    help="Factor by which their sizes differ at most.  [default: 2]",
)
@click.option(
    "--perspective",
    type=click.FloatRange(0, 0.9),
    help="How much nearer one border may be than the middle.  [default: 0.7]",
)
@click.option(
    "--rotations",
    metavar="-30,0,30",
    help="Turns at which the trained descriptor looks at a picture.  [default: -30,0,30]",
)
@click.option(
    "--scales", metavar="1,1.41", help="Sizes at which it does, as factors.  [default: 1,1.41]"
)
@click.option("--seed", type=click.IntRange(0), help="Equal seeds, equal results.  [default: 0]")
@click.option(
    "--on-error",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Pictures that cannot be used: stop, or leave them out and list them in rejects.jsonl.",
)
@click.option("--resume", is_flag=True, help="Refuse to run unless there is one to continue.")
@click.option(
    "--overwrite", is_flag=True, help="Replace the descriptor, and what another command left of it."
)
@click.option("--quiet", is_flag=True, help="Print nothing.")
@click.pass_context
def train_pairs(
    ctx: click.Context,
    /,
    *,
    data: tuple[str, ...],
    output: Path,
    test: Path | None,
    quiet: bool,
    **others: object,
) -> None:
    """Train a descriptor, which finds points of one image in another, on the pairs of DATA.

    DATA is a folder that embedsvc pairs pack has made of images with matching points. Or it is any
    number of folders, globs and files of images without annotations: both images of a pair are then
    made from one of them, warped and in other light.

    \b
    embedsvc pairs pack pairs.csv -o packed
    embedsvc train-pairs packed -o descriptor                        matching points of your own
    embedsvc train-pairs photos -o descriptor                        photographs are enough
    embedsvc train-pairs packed --test others -o descriptor          measured on pairs apart
    embedsvc train-pairs photos --backbone small --epochs 20 --loss triplet -o small
    embedsvc match a.jpg b.jpg --model descriptor -o matches.csv

    Sequences are split, not pairs: what is held out shows other things than what is learned from.
    What is left out above is as embedsvc.PointDescriptor has it.

    When the run is stopped, by Ctrl-C or by a dead machine, the same command continues after the
    last whole epoch. OUTPUT appears when it is complete; until then OUTPUT.parts has what is done.
    """
    del others  # Read from the context, where they are told apart from defaults.
    from embedsvc.jobs.train_pairs_plan import plan_pair_training
    from embedsvc.progress import is_terminal

    show = is_terminal() and not quiet
    # Mistakes are answered before TensorFlow is loaded, which takes seconds.
    plan = plan_pair_training(data, output, options=_options(ctx), test=test, show_progress=show)
    result = _run(plan, quiet=quiet, show=show)
    if not quiet:
        _show(result)


def _options(ctx: click.Context) -> PairTrainOptions:
    """What is asked for; settings that are not named are left to `PointDescriptor`."""
    from embedsvc.jobs.train_options import parse_activity_penalties
    from embedsvc.jobs.train_pairs_options import PairTrainOptions, parse_numbers

    given = ctx.params
    settings = {
        setting: given[name]
        for name, setting in _SETTINGS.items()
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    for name, example in (("rotations", "-30,0,30"), ("scales", "1,1.41")):
        if given[name] is not None:
            settings[name] = parse_numbers(given[name], option=f"--{name}", example=example)
    if given["activity_penalty"]:
        settings["activity_penalties"] = parse_activity_penalties(given["activity_penalty"])
    return PairTrainOptions(
        settings=settings,
        validation=given["validation"],
        resume=given["resume"],
        overwrite=given["overwrite"],
        on_error=given["on_error"],
    )


def _run(plan: PairTrainPlan, *, quiet: bool, show: bool) -> PairTrainResult:
    from embedsvc.jobs.train_pairs import run_pair_training, standing

    if not quiet:
        for line in plan.lines():
            click.echo(line, err=True)
        for note in plan.notes():
            show_note(note)
    result = standing(plan)
    if result is not None:
        return result
    with quiet_start():
        import embedsvc.pairs.point_descriptor  # noqa: F401
    return run_pair_training(
        plan,
        on_epoch=epoch_lines(quiet=quiet),
        tell=lambda line: None if quiet else click.echo(f"{line}.", err=True),
        show_progress=show,
    )


def _show(result: PairTrainResult) -> None:
    if result.stood_already:
        click.echo(f"{result.output} is already complete: nothing to do.", err=True)
    for note in result.notes:
        show_note(note)
    for line in result.lines():
        click.echo(line)
    click.echo(f"Report: {result.report}" if result.report else f"Descriptor: {result.output}")
