"""`train` itself: labelled texts in, a folder with a classifier and all about it out.

    data -> plan -> TextClassifier.fit, a checkpoint an epoch -> OUTPUT, by one rename

Planning needs no TensorFlow, so that mistakes are answered at once; what needs it is imported
where it is used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from embedsvc.errors import InputError
from embedsvc.extract.folder import locked
from embedsvc.files import atomic_write
from embedsvc.jobs.predict_model import WHAT
from embedsvc.jobs.train_kept import Kept, Tell, silent
from embedsvc.jobs.train_output import (
    CURVE,
    HISTORY,
    METRICS,
    NAMES,
    REJECTS,
    finished,
    parts_of,
    write_metrics,
)
from embedsvc.jobs.train_plan import TrainPlan
from embedsvc.jobs.train_result import TrainResult, to_metrics
from embedsvc.nets.training_state import EpochRecord
from embedsvc.store.places import write_folder

if TYPE_CHECKING:
    from embedsvc.classify.classifier import TextClassifier

OnEpoch = Callable[[EpochRecord], None]


def standing(plan: TrainPlan) -> TrainResult | None:
    """Look whether the classifier is there already; no TensorFlow is needed.

    Returns:
        What came of it, or None where there is something to do.

    Raises:
        ResumeError: the folder, or what an earlier run left beside it, is of another training; or
            there is nothing to resume.
    """
    if not plan.options.overwrite:
        made = finished(plan.output, plan.asked)
        if made is not None:
            shutil.rmtree(parts_of(plan.output), ignore_errors=True)
            return TrainResult(plan.output, made, stood_already=True)
    Kept(plan).check(resume=plan.options.resume)
    return None


def run_training(
    plan: TrainPlan,
    *,
    on_epoch: OnEpoch = lambda record: None,
    tell: Tell = silent,
    show_progress: bool = False,
) -> TrainResult:
    """Train, measure, and write the folder; or continue an earlier run of it.

    Args:
        plan: not standing yet, see `standing`.
        on_epoch: called after each epoch.
        tell: called with a line for people when something begins.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        InputError: settings that the model or the data cannot take.
        ArtifactError or WeightsError: the pretrained model cannot be loaded.
        EmbedsvcError: the loss was not finite before any epoch was whole.
        OutputError: the folder cannot be written.
        KeyboardInterrupt: as it came, with a message about what is kept.
    """
    from embedsvc.classify.classifier import TextClassifier

    options = plan.options
    with locked(plan.output if plan.output.name else plan.output.absolute()):
        kept = Kept(plan, tell)
        try:
            kept.take_over(resume=options.resume)
            with kept.explaining():
                classifier = TextClassifier(
                    options.model,
                    task=plan.codec.task,
                    class_weight=plan.class_weight,
                    **options.settings,
                )
                _fit(classifier, plan, kept, on_epoch, show_progress=show_progress)
                tell("Measuring and saving")
                metrics = _write(plan, classifier)
            shutil.rmtree(parts_of(plan.output), ignore_errors=True)
        finally:
            kept.remove_unless_used()
    return TrainResult(plan.output, metrics)


def _fit(
    classifier: TextClassifier,
    plan: TrainPlan,
    checkpoints: Kept,
    on_epoch: OnEpoch,
    *,
    show_progress: bool,
) -> None:
    training, validation = plan.training, plan.validation
    try:
        classifier.fit(
            training.texts,
            training.labels,
            sample_weight=training.weights,
            validation=None if validation is None else (validation.texts, validation.labels),
            checkpoints=checkpoints,
            on_epoch=on_epoch,
            show_progress=show_progress,
        )
    except InputError as err:
        # The data were looked through before: it is a setting that the model cannot take.
        raise InputError(f"{plan.options.model}: {err}") from err


def _write(plan: TrainPlan, classifier: TextClassifier) -> dict[str, Any]:
    """Measure the classifier and write its folder; returns what `metrics.json` holds."""
    # These load TensorFlow, Jinja or scikit-learn.
    from embedsvc.jobs.train_report import measure_test, measure_validation, to_report
    from embedsvc.report.curve_png import write_curve_png
    from embedsvc.report.history_csv import write_history_csv
    from embedsvc.report.training_report import write_training_report
    from embedsvc.store.classifiers import save_classifier

    validation, test = measure_validation(plan, classifier), measure_test(plan, classifier)
    notes = [note for note in classifier.notes_ if note not in plan.chosen]
    metrics = to_metrics(
        plan,
        facts=classifier.learned().facts,
        n_epochs=len(classifier.history_),
        validation=None if validation is None else validation.metrics,
        test=None if test is None else test.metrics,
        class_weights=classifier.class_weights_.tolist(),
        notes=notes,
    )
    report = to_report(plan, classifier, validation=validation, test=test, notes=notes)

    def write(fresh: Path) -> None:
        save_classifier(classifier, fresh, extra={"trained_on": plan.training.name})
        write_history_csv(classifier.history_, fresh / HISTORY)
        if classifier.history_:
            write_curve_png(classifier.history_, fresh / CURVE, best_epoch=report.best_epoch)
        write_training_report(report, fresh)
        _write_rejects(plan, fresh / REJECTS)
        write_metrics(fresh / METRICS, metrics)

    overwrite = plan.options.overwrite
    write_folder(plan.output, write, what=WHAT, names=NAMES, overwrite=overwrite)
    return metrics


def _write_rejects(plan: TrainPlan, path: Path) -> None:
    sets = (plan.training, plan.validation, plan.test)
    rejects = [line for one in sets if one is not None for line in one.rejects]
    if not rejects:
        return
    with atomic_write(path) as file:
        for line in rejects:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
