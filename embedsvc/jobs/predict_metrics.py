"""How good predictions are, where the input has the true labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.classify.label_reading import text_of
from embedsvc.jobs.label_columns import Labels
from embedsvc.jobs.predict_rows import Label, PartRows
from embedsvc.report.numbers import plural

if TYPE_CHECKING:
    from embedsvc.evaluation.classification import ClassificationMetrics

_NAMED = 20


class Measurement:
    """Collects predictions with their true labels, a part at a time.

    Rows without a true label, and rows with one that the classifier has never seen, cannot be
    measured: they are counted and left out. All other probabilities are kept in memory, as the
    areas under curves need them at once.

    Args:
        task: "binary", "multiclass" or "multilabel".
        labels: in the order of the probabilities.
        thresholds: float64 array of shape (n_labels,); see `decide`.
    """

    def __init__(
        self, task: str, labels: Sequence[Label], thresholds: NDArray[np.float64] | None
    ) -> None:
        self._task, self._thresholds = task, thresholds
        self._names = [text_of(label) for label in labels]
        self._position = {name: i for i, name in enumerate(self._names)}
        self._probabilities: list[NDArray[np.float32]] = []
        self._targets: list[NDArray[Any]] = []
        self._unknown: Counter[str] = Counter()
        self._n_unknown = self._n_unlabelled = 0

    def add(self, part: PartRows) -> None:
        """Add the rows of a part."""
        kept, targets = [], []
        for i, labels in enumerate(part.truth):
            target = self._target(labels)
            if target is not None:
                kept.append(i)
                targets.append(target)
        if kept:
            self._probabilities.append(part.probabilities[kept])
            self._targets.append(np.array(targets))

    @property
    def n_measured(self) -> int:
        """Rows that are measured."""
        return sum(map(len, self._targets))

    def metrics(self) -> dict[str, Any]:
        """What came out, as JSON values; without figures where no row could be measured."""
        told = {
            "n_measured": self.n_measured,
            "n_unlabelled": self._n_unlabelled,
            "n_unknown": self._n_unknown,
            "unknown_labels": [name for name, _ in self._unknown.most_common(_NAMED)],
        }
        if not self._targets:
            return told
        # It takes a second to import, and is not needed where nothing is measured.
        from embedsvc.evaluation.classification import classification_metrics

        found = classification_metrics(
            np.concatenate(self._targets),
            np.concatenate(self._probabilities),
            task=self._task,
            thresholds=self._thresholds,
        )
        return {**told, **named(found, self._names)}

    def _target(self, labels: Labels | None) -> int | NDArray[np.float32] | None:
        if self._task != "multilabel" and isinstance(labels, tuple):
            # A list of one is a label; nothing else can be right or wrong here.
            labels = labels[0] if len(labels) == 1 else None
        if labels is None:
            self._n_unlabelled += 1
            return None
        several = (labels,) if isinstance(labels, str) else labels
        unknown = [one for one in several if one not in self._position]
        if unknown:
            self._n_unknown += 1
            self._unknown.update(unknown)
            return None
        found = [self._position[one] for one in several]
        if self._task != "multilabel":
            return found[0]
        target = np.zeros(len(self._names), np.float32)
        target[found] = 1
        return target


def named(metrics: ClassificationMetrics, labels: Sequence[str]) -> dict[str, Any]:
    """Metrics as JSON values, each label with its name."""
    told = metrics.as_dict()
    told["labels"] = [
        {"label": name, **figures} for name, figures in zip(labels, told["labels"], strict=True)
    ]
    return told


def in_words(metrics: dict[str, Any]) -> str:
    """The figures that people compare, in a line."""
    shown = [
        ("accuracy", metrics.get("accuracy")),
        ("macro-F1", metrics.get("macro_f1")),
        ("AUROC", metrics.get("auroc")),
        ("average precision", metrics.get("average_precision")),
    ]
    return ", ".join(f"{name} {value:.4f}" for name, value in shown if value is not None)


def notes_about(metrics: dict[str, Any]) -> list[str]:
    """What a user should know of what was left out."""
    notes = []
    if count := metrics.get("n_unknown"):
        listed = ", ".join(map(repr, metrics["unknown_labels"][:5]))
        end = " and others." if len(metrics["unknown_labels"]) > 5 else "."
        notes.append(
            f"{_not_measured(count)}: the classifier never learned their labels, {listed}{end}"
        )
    if count := metrics.get("n_unlabelled"):
        notes.append(f"{_not_measured(count)}: no true label.")
    if not metrics.get("n_measured"):
        notes.append("No text could be measured.")
    return notes


def _not_measured(count: int) -> str:
    return f"{plural(count, 'text')} {'is' if count == 1 else 'are'} not measured"
