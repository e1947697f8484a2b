"""How good a classifier of texts is: over all labels, and label by label."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.evaluation.curves import label_curve
from embedsvc.evaluation.decisions import (
    check_indicator,
    check_positions,
    check_probabilities,
    check_thresholds,
    decide,
)

# A probability of exactly 0 comes from rounding; the logarithm stops at the step of float32.
_SMALLEST = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """The figures of one label against all others.

    Attributes:
        support: how many texts have the label.
        precision: share of those predicted to have it that do; 0 when none is predicted.
        recall: share of those that have it that are predicted to; 0 when none has it.
        f1: 2 TP / (support + predicted); 0 when both are 0.
        auroc: the chance that a text with the label gets a higher probability than one without;
            None unless there are both.
        average_precision: the area under the precision-recall curve; None unless there are both.
        threshold: the label applies above it. None where the most probable label is taken, and
            for the negative of two.
    """

    support: int
    precision: float
    recall: float
    f1: float
    auroc: float | None
    average_precision: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class ClassificationMetrics:
    """The figures of one classifier on labelled texts.

    Attributes:
        n_texts: how many texts there were.
        accuracy: share of the texts that are right; of several labels all must be (exact match).
        macro_f1: mean F1 of the labels that some text has or is predicted to have; 0 if there
            is none.
        micro_f1: F1 over all decisions at once; with one label a text it is the accuracy.
        macro_recall: mean recall of the labels that some text has (balanced accuracy).
        auroc: mean of the labels that can be measured; the positive label's for a binary task.
            None where no label can be.
        average_precision: as `auroc`.
        log_loss: mean of -log of the probability given to what is true, over the texts, and for a
            multilabel task over the labels too. Probabilities are kept 1.2e-7 from 0 and 1.
        labels: one a label, in the order of the columns.
        confusion: int64 of shape (n_labels, n_labels): rows are true labels, columns predicted
            ones. None for a multilabel task.
    """

    n_texts: int
    accuracy: float
    macro_f1: float
    micro_f1: float
    macro_recall: float
    auroc: float | None
    average_precision: float | None
    log_loss: float
    labels: tuple[LabelMetrics, ...]
    confusion: NDArray[np.int64] | None = field(compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain numbers, lists and dicts, ready for JSON."""
        confusion = None if self.confusion is None else self.confusion.tolist()
        labels = [asdict(label) for label in self.labels]
        return {**asdict(self), "labels": labels, "confusion": confusion}


def classification_metrics(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    task: str,
    thresholds: ArrayLike | None = None,
) -> ClassificationMetrics:
    """Every figure that the labels allow.

    Args:
        targets: label positions of shape (n_texts,); for a multilabel task 0s and 1s of shape
            (n_texts, n_labels).
        probabilities: numbers of shape (n_texts, n_labels), two columns for a binary task.
        task: "binary", "multiclass" or "multilabel".
        thresholds: shape (n_labels,), as for `decide`.

    Returns:
        The figures. Those over all labels are scikit-learn's with `zero_division=nan`: a label
        that no text has and that is never predicted counts in no mean.

    Raises:
        InputError: no text, an unknown task, or targets, probabilities or thresholds of another
            shape or outside their limits.

    Example:
        >>> found = classification_metrics([0, 1], [[0.9, 0.1], [0.6, 0.4]], task="binary")
        >>> found.accuracy, found.auroc, found.labels[1].recall
        (0.5, 1.0, 0.0)
    """
    values = check_probabilities(probabilities, task=task)
    n_labels = values.shape[1]
    limits = check_thresholds(thresholds, n_labels)
    decided = decide(values, task=task, thresholds=limits)
    true, predicted = _marks(targets, n_labels, task), _marks(decided, n_labels, task)
    _check_lengths(true, predicted)
    counts = _Counts(
        hits=(true & predicted).sum(axis=0),
        support=true.sum(axis=0),
        predicted=predicted.sum(axis=0),
    )
    labels = _label_metrics(true, values, counts, _shown_thresholds(limits, task))
    measured = labels[1:] if task == "binary" else labels
    return ClassificationMetrics(
        n_texts=len(true),
        accuracy=float((true == predicted).all(axis=1).mean()),
        macro_f1=_mean(counts.f1[counts.support + counts.predicted > 0]) or 0.0,
        micro_f1=_share(2 * counts.hits.sum(), (counts.support + counts.predicted).sum()),
        macro_recall=_mean(counts.recall[counts.support > 0]) or 0.0,
        auroc=_mean([label.auroc for label in measured if label.auroc is not None]),
        average_precision=_mean(
            [label.average_precision for label in measured if label.average_precision is not None]
        ),
        log_loss=_log_loss(true, values, task=task),
        labels=labels,
        confusion=None if task == "multilabel" else true.T.astype(np.int64) @ predicted,
    )


@dataclass(frozen=True)
class _Counts:
    """Texts that have a label and are predicted to, have it, are predicted to: (n_labels,)."""

    hits: NDArray[np.int64]
    support: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def precision(self) -> NDArray[np.float64]:
        return self.hits / np.maximum(self.predicted, 1)

    @property
    def recall(self) -> NDArray[np.float64]:
        return self.hits / np.maximum(self.support, 1)

    @property
    def f1(self) -> NDArray[np.float64]:
        return np.asarray(2 * self.hits / np.maximum(self.support + self.predicted, 1))


def _label_metrics(
    true: NDArray[np.bool_],
    values: NDArray[np.float64],
    counts: _Counts,
    thresholds: list[float | None],
) -> tuple[LabelMetrics, ...]:
    precision, recall, f1 = counts.precision, counts.recall, counts.f1
    curves = [label_curve(values[:, k], true[:, k]) for k in range(len(f1))]
    return tuple(
        LabelMetrics(
            support=int(counts.support[k]),
            precision=float(precision[k]),
            recall=float(recall[k]),
            f1=float(f1[k]),
            auroc=curve.auroc,
            average_precision=curve.average_precision,
            threshold=thresholds[k],
        )
        for k, curve in enumerate(curves)
    )


def _log_loss(true: NDArray[np.bool_], values: NDArray[np.float64], *, task: str) -> float:
    kept = np.clip(values, _SMALLEST, 1 - _SMALLEST)
    if task == "multilabel":
        return float(-np.log(np.where(true, kept, 1 - kept)).mean())
    return float(-np.log(kept[true]).mean())  # one a text


def _shown_thresholds(limits: NDArray[np.float64], task: str) -> list[float | None]:
    shown: list[float | None] = [float(limit) for limit in limits]
    if task == "multilabel":
        return shown
    return [None, shown[1]] if task == "binary" else [None] * len(shown)


def _check_lengths(true: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> None:
    if len(true) != len(predicted):
        raise InputError(
            f"Expected as many targets as rows of probabilities, got {len(true)} and "
            f"{len(predicted)}. Give both for the same texts."
        )
    if not len(true):
        raise InputError("Expected texts to measure, got none. Give labelled texts.")


def _marks(targets: ArrayLike, n_labels: int, task: str) -> NDArray[np.bool_]:
    """Whether each label applies, (n_texts, n_labels), whatever the form of the targets."""
    if task == "multilabel":
        return check_indicator(targets, n_labels=n_labels)
    positions = check_positions(targets, n_labels=n_labels)
    return np.asarray(positions[:, np.newaxis] == np.arange(n_labels))


def _mean(figures: NDArray[np.float64] | list[float]) -> float | None:
    return float(np.mean(figures)) if len(figures) else None


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0
