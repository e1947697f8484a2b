"""From a trained classifier to what the page about it is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.catalogue.cards import list_models
from embedsvc.classify.weights import example_weights
from embedsvc.evaluation.classification import classification_metrics
from embedsvc.evaluation.decisions import decide
from embedsvc.evaluation.reliability import Reliability, reliability
from embedsvc.jobs.train_plan import TrainPlan
from embedsvc.report.training_data import LabelBalance, Measured, TrainingReport
from embedsvc.report.training_findings import class_balance, worst_mistakes

if TYPE_CHECKING:
    from embedsvc.classify.classifier import TextClassifier

HELD_OUT = "held-out texts"

_ELSEWHERE = ("encoder", "seed", "unfreeze", "pooling", "task")
# None lets the number of texts, or the model, decide.
_BY_DATA = ("epochs", "batch_size", "learning_rate", "max_tokens", "normalize")


def measure(
    plan: TrainPlan,
    classifier: TextClassifier,
    texts: Sequence[str],
    targets: NDArray[Any],
    probabilities: NDArray[np.float32],
    *,
    source: str,
) -> Measured | None:
    """How good a classifier is on some texts; None without any.

    Args:
        plan: the training.
        classifier: what came of it.
        texts: n_texts of them.
        targets: what is true of them, see `LabelCodec.encode`.
        probabilities: float32 of shape (n_texts, n_labels).
        source: what to call the texts.
    """
    if not len(targets):
        return None
    task, thresholds = plan.codec.task, classifier.thresholds_
    decided = decide(probabilities, task=task, thresholds=thresholds)
    mistakes, n_mistakes = worst_mistakes(texts, targets, decided, probabilities, plan.names)
    return Measured(
        source=source,
        metrics=classification_metrics(targets, probabilities, task=task, thresholds=thresholds),
        reliability=_reliability(targets, decided, probabilities),
        mistakes=mistakes,
        n_mistakes=n_mistakes,
    )


def measure_validation(plan: TrainPlan, classifier: TextClassifier) -> Measured | None:
    """How good the classifier is on the texts that chose its best epoch."""
    found = classifier.validation_
    texts = plan.validation.texts if plan.validation is not None else plan.training.texts
    return measure(
        plan,
        classifier,
        [texts[i] for i in found.indices],
        found.targets,
        found.probabilities,
        source=plan.validation.name if plan.validation is not None else HELD_OUT,
    )


def measure_test(plan: TrainPlan, classifier: TextClassifier) -> Measured | None:
    """How good the classifier is on texts that had no part in the training."""
    test = plan.test
    if test is None:
        return None
    return measure(
        plan,
        classifier,
        test.texts,
        plan.codec.encode(test.labels),
        classifier.predict_proba(test.texts),
        source=test.name,
    )


def to_report(
    plan: TrainPlan,
    classifier: TextClassifier,
    *,
    validation: Measured | None,
    test: Measured | None,
    notes: Sequence[str],
) -> TrainingReport:
    """All that the page shows.

    Args:
        plan: the training.
        classifier: what came of it.
        validation: of `measure_validation`.
        test: of `measure_test`.
        notes: what the user should know of the training.
    """
    facts, model = classifier.learned().facts, classifier.model_
    rows = learned_rows(plan, classifier)
    return TrainingReport(
        title=plan.training.name,
        task=plan.codec.task,
        labels=plan.names,
        encoder=str(facts["base_model"]),
        encoder_about=_about(plan.options.model),
        pooling=model.pooling,
        dim=classifier.encoder_.dim,
        trained=_trained(classifier),
        n_training=len(rows),
        n_validation=facts["n_validation"],
        seconds=facts["fit_seconds"],
        seed=classifier.seed,
        history=classifier.history_,
        best_epoch=facts["best_epoch"] or None,
        balance=_balance(plan, classifier, rows),
        settings=_settings(classifier),
        validation=validation,
        test=test,
        trained_at=facts["trained_at"],
        notes=[note for note in (plan.chosen, *notes) if note],
        warnings=plan.notes(),
    )


def learned_rows(plan: TrainPlan, classifier: TextClassifier) -> NDArray[np.int64]:
    """Positions of the texts that the weights which are kept have seen."""
    rows = np.arange(len(plan.training.texts))
    if plan.validation is not None or classifier.unfreeze == 0:
        # A head alone learns from the held-out texts too, once they have chosen its epochs.
        return rows
    return np.setdiff1d(rows, classifier.validation_.indices)


def _balance(
    plan: TrainPlan, classifier: TextClassifier, rows: NDArray[np.int64]
) -> list[LabelBalance]:
    targets, weights = plan.targets[rows], plan.training.weights
    samples = np.ones(len(rows), np.float32) if weights is None else weights[rows]
    each = example_weights(targets, classifier.class_weights_, samples if samples.any() else None)
    return class_balance(targets, classifier.class_weights_, each)


def _reliability(
    targets: NDArray[Any], decided: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> Reliability:
    if targets.ndim == 2:
        return reliability(probabilities.ravel(), targets.ravel())
    rows = np.arange(len(targets))
    return reliability(probabilities[rows, decided], targets == decided)


def _about(model: str) -> str:
    return next((card.summary for card in list_models() if card.name == model), "")


def _trained(classifier: TextClassifier) -> str:
    """What was trained, in a few words."""
    config, unfreeze = classifier.model_.config, classifier.unfreeze
    if unfreeze == 0 or config is None:
        return "the head only"
    if unfreeze == "all":
        return f"the head and all {config.n_layers} layers"
    return f"the head and the top {unfreeze} of {config.n_layers} layers"


def _settings(classifier: TextClassifier) -> dict[str, str]:
    """All settings but those that the page shows elsewhere, in the constructor's order."""
    told = {}
    for name, value in classifier.get_params(deep=False).items():
        if name not in _ELSEWHERE:
            unsaid = "by the data" if name in _BY_DATA else "none"
            told[name.replace("_", " ")] = unsaid if value is None else str(value)
    return told
