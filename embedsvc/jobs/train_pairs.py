"""`train-pairs` itself: pairs or pictures in, a folder with a descriptor and all about it out.

    data -> plan -> PointDescriptor.fit, a checkpoint an epoch -> OUTPUT, by one rename

Planning needs no TensorFlow, so that mistakes are answered at once; what needs it is imported
where it is used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from embedsvc.extract.folder import locked
from embedsvc.files import atomic_write
from embedsvc.jobs.train_kept import Kept, Tell, silent
from embedsvc.jobs.train_output import finished, parts_of, write_metrics
from embedsvc.jobs.train_pairs_output import (
    COMMAND,
    CURVE,
    HISTORY,
    METRICS,
    NAMES,
    NOUN,
    REJECTS,
)
from embedsvc.jobs.train_pairs_pictures import Pictures
from embedsvc.jobs.train_pairs_plan import PairTrainPlan
from embedsvc.jobs.train_pairs_result import PairTrainResult, to_metrics
from embedsvc.nets.training_state import EpochRecord
from embedsvc.pairs.pair import MatchedPair
from embedsvc.store.places import write_folder

if TYPE_CHECKING:
    from embedsvc.pairs.point_descriptor import PointDescriptor

OnEpoch = Callable[[EpochRecord], None]


def standing(plan: PairTrainPlan) -> PairTrainResult | None:
    """Look whether the descriptor is there already; no TensorFlow is needed.

    Returns:
        What came of it, or None where there is something to do.

    Raises:
        ResumeError: the folder, or what an earlier run left beside it, is of another training; or
            there is nothing to resume.
    """
    if not plan.options.overwrite:
        made = finished(plan.output, plan.asked, command=COMMAND)
        if made is not None:
            shutil.rmtree(parts_of(plan.output), ignore_errors=True)
            return PairTrainResult(plan.output, made, stood_already=True)
    _kept(plan).check(resume=plan.options.resume)
    return None


def run_pair_training(
    plan: PairTrainPlan,
    *,
    on_epoch: OnEpoch = lambda record: None,
    tell: Tell = silent,
    show_progress: bool = False,
) -> PairTrainResult:
    """Train, measure, and write the folder; or continue an earlier run of it.

    Args:
        plan: not standing yet, see `standing`.
        on_epoch: called after each epoch.
        tell: called with a line for people when something begins.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        InputError: settings that the network or the data cannot take, or a file that has gone.
        ArtifactError: a packed pair is damaged.
        WeightsError: the pretrained network could not be fetched.
        EmbedsvcError: the loss was not finite before any epoch was whole.
        OutputError: the folder cannot be written.
        KeyboardInterrupt: as it came, with a message about what is kept.
    """
    from embedsvc.jobs.train_pairs_model import (
        explaining_tensorflow,
        make_descriptor,
        make_source,
        validation_pairs,
    )

    with locked(plan.output if plan.output.name else plan.output.absolute()):
        kept = _kept(plan, tell)
        try:
            kept.take_over(resume=plan.options.resume)
            with kept.explaining():
                descriptor = make_descriptor(plan.options.settings)
                with explaining_tensorflow():
                    validation = validation_pairs(plan)
                    descriptor.fit(
                        make_source(plan),
                        validation=validation,
                        checkpoints=kept,
                        on_epoch=on_epoch,
                        show_progress=show_progress,
                    )
                tell("Measuring and saving")
                metrics = _write(plan, descriptor, validation, show_progress=show_progress)
            shutil.rmtree(parts_of(plan.output), ignore_errors=True)
        finally:
            kept.remove_unless_used()
    return PairTrainResult(plan.output, metrics)


def _kept(plan: PairTrainPlan, tell: Tell = silent) -> Kept:
    return Kept(plan, tell, noun=NOUN, keeps_none="")


def _write(
    plan: PairTrainPlan,
    descriptor: PointDescriptor,
    validation: list[MatchedPair],
    *,
    show_progress: bool,
) -> dict[str, Any]:
    """Measure the descriptor and write its folder; returns what `metrics.json` holds."""
    # These load TensorFlow, Matplotlib or Jinja.
    from embedsvc.encoders.descriptor_layout import DESCRIPTOR
    from embedsvc.jobs.train_pairs_measures import measure_training
    from embedsvc.jobs.train_pairs_report import write_pages
    from embedsvc.report.curve_png import write_curve_png
    from embedsvc.report.history_csv import write_history_csv
    from embedsvc.store.descriptors import write_descriptor

    measured = measure_training(plan, descriptor, validation, show_progress=show_progress)
    notes = list(descriptor.notes_)
    if not plan.split.held_out:
        # It was told before the training began.
        notes = [note for note in notes if not note.startswith("No pairs were held out")]
    metrics = to_metrics(
        plan,
        history=descriptor.history_,
        best_epoch=descriptor.best_epoch_,
        evaluation=None if measured is None else measured.evaluation,
        notes=notes,
    )

    def write(fresh: Path) -> None:
        write_descriptor(descriptor, fresh, extra={"trained_on": plan.label})
        write_history_csv(descriptor.history_, fresh / HISTORY)
        if descriptor.history_:
            best = descriptor.best_epoch_
            write_curve_png(descriptor.history_, fresh / CURVE, best_epoch=best)
        if measured is not None:
            write_pages(plan, descriptor, measured, fresh, notes=notes)
        _write_rejects(plan, fresh / REJECTS)
        write_metrics(fresh / METRICS, metrics)

    overwrite = plan.options.overwrite
    write_folder(plan.output, write, what=DESCRIPTOR, names=NAMES, overwrite=overwrite)
    return metrics


def _write_rejects(plan: PairTrainPlan, path: Path) -> None:
    if not isinstance(plan.data, Pictures) or not plan.data.rejects:
        return
    with atomic_write(path) as file:
        for line in plan.data.rejects:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
