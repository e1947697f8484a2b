"""The labels of a classifier: from words to what a network learns, and back."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.classify.label_reading import (
    FlatLabels,
    Indicator,
    Label,
    LabelSets,
    read_labels,
    show,
)
from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import check_probabilities, check_task, decide


@dataclass(frozen=True)
class LabelCodec:
    """The labels of a classifier in the order of its outputs.

    Attributes:
        task: "binary" (one of two), "multiclass" (one of many) or "multilabel" (any number).
        labels: sorted, all text, all whole numbers or all bools. Binary: the negative, then the
            positive.

    Raises:
        InputError: an unknown task, or labels that are not as above.
    """

    task: str
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        check_task(self.task)
        kinds = {type(label) for label in self.labels}
        usable = len(kinds) == 1 and kinds <= {str, int, bool}
        if not usable or list(self.labels) != sorted(set(self.labels)):
            raise InputError(
                f"Expected labels to be sorted, without repeats and of one type, got "
                f"{show(self.labels)}. Learn them with learn_labels."
            )
        least = {"binary": 2, "multiclass": 2, "multilabel": 1}[self.task]
        if len(self.labels) < least or (self.task == "binary" and len(self.labels) > 2):
            raise InputError(
                f"Expected {'exactly' if self.task == 'binary' else 'at least'} {least} labels "
                f"for task {self.task!r}, got {show(self.labels)}. Choose the task that fits."
            )

    def encode(self, y: object) -> NDArray[Any]:
        """Labels as what a network learns.

        Args:
            y: labels in any form `learn_labels` takes; none at all is allowed.

        Returns:
            int64 positions of shape (n_texts,); for a multilabel task float32 0s and 1s of shape
            (n_texts, n_labels).

        Raises:
            InputError: missing or unknown labels, with their positions, or another form.
        """
        if self.task != "multilabel":
            found = read_labels(y)
            if not isinstance(found, FlatLabels):
                raise InputError(one_label_each(self.task))
            return self._positions(found.values, range(len(found.values)))
        return self.indicator(read_labels(y, multilabel=True, width=len(self.labels)))

    def decode(self, probabilities: ArrayLike, thresholds: ArrayLike | None = None) -> NDArray[Any]:
        """What a classifier predicts, in scikit-learn's form.

        Args:
            probabilities: numbers of shape (n_texts, n_labels), two columns for a binary task.
            thresholds: shape (n_labels,), 0.5 each if None; what they mean for each task is told
                at `embedsvc.evaluation.decisions.decide`.

        Returns:
            The labels, shape (n_texts,); for a multilabel task int64 0s and 1s of shape
            (n_texts, n_labels).

        Raises:
            InputError: bad probabilities or thresholds.
        """
        decided = self._decide(probabilities, thresholds)
        return decided if self.task == "multilabel" else np.array(self.labels)[decided]

    def names(
        self, probabilities: ArrayLike, thresholds: ArrayLike | None = None
    ) -> list[list[Label]]:
        """The labels that apply to each text: one, or for a multilabel task any number.

        Args:
            probabilities: as for `decode`.
            thresholds: as for `decode`.

        Raises:
            InputError: bad probabilities or thresholds.
        """
        decided = self._decide(probabilities, thresholds)
        if self.task != "multilabel":
            return [[self.labels[position]] for position in decided.tolist()]
        return [[self.labels[k] for k in np.flatnonzero(row).tolist()] for row in decided]

    def _decide(self, probabilities: ArrayLike, thresholds: ArrayLike | None) -> NDArray[np.int64]:
        values = check_probabilities(probabilities, task=self.task, n_labels=len(self.labels))
        return decide(values, task=self.task, thresholds=thresholds)

    def indicator(self, found: FlatLabels | LabelSets | Indicator) -> NDArray[np.float32]:
        """Labels in any form as 0s and 1s, shape (n_texts, n_labels)."""
        if isinstance(found, Indicator):
            if found.marks.shape[1] != len(self.labels):
                raise InputError(
                    f"Expected an indicator with {len(self.labels)} columns, one a label, got "
                    f"{found.marks.shape[1]}. Give the columns in the order of the labels: "
                    f"{show(self.labels)}."
                )
            return found.marks
        rows = found.values if isinstance(found, LabelSets) else [[one] for one in found.values]
        owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        columns = self._positions([label for row in rows for label in row], owner.tolist())
        targets = np.zeros((len(rows), len(self.labels)), np.float32)
        targets[owner, columns] = 1
        return targets

    def _positions(self, values: list[Label], owner: Sequence[int]) -> NDArray[np.int64]:
        """The position of each label; `owner` is its text, for the message."""
        place = {label: position for position, label in enumerate(self.labels)}
        unknown = [(label, i) for label, i in zip(values, owner, strict=True) if label not in place]
        if unknown:
            raise InputError(self._unknown(unknown))
        return np.array([place[label] for label in values], np.int64)

    def _unknown(self, found: list[tuple[Label, int]]) -> str:
        near = nearest_label(found[0][0], self.labels)
        guess = "" if near is None else f"Did you mean {near!r}? "
        names = list(dict.fromkeys(label for label, _ in found))
        return (
            f"Expected labels that were learned ({show(self.labels)}), got {show(names)} at "
            f"position {show(list(dict.fromkeys(i for _, i in found)))}. {guess}Leave these texts "
            "out, or train again with them."
        )


def nearest_label(wanted: object, labels: Sequence[Label]) -> Label | None:
    """The label whose text is most like this one; None where none is near."""
    texts = {str(label): label for label in labels}
    near = difflib.get_close_matches(str(wanted), texts, n=1)
    return texts[near[0]] if near else None


def one_label_each(task: str) -> str:
    """What to say when several labels a text meet a task that takes one."""
    return (
        f"Expected one label a text for task {task!r}, got several a text. Give a flat list of "
        "labels (of an indicator with one 1 a row: y.argmax(axis=1)), or use task 'multilabel'."
    )
