"""Which labels there are, and what kind of task they make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedsvc.classify.label_codec import LabelCodec, one_label_each
from embedsvc.classify.label_reading import (
    FlatLabels,
    Indicator,
    Label,
    LabelSets,
    read_labels,
    show,
)
from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import TASKS, check_task

__all__ = ["TASKS", "LabelCodec", "learn_labels"]

_FEW_LABELS = 50
_MANY_OF_TEXTS = 0.2
_MOST_OF_TEXTS = 0.5
_OTHERWISE = "Name the task to choose otherwise."
_FLAT = "For one label a text, give a flat list."
_ONE_EACH = 'Every text has exactly one: as a flat list they would be "multiclass".'


def learn_labels(y: object, *, task: str = "auto") -> tuple[LabelCodec, str]:
    """Find out which labels there are and what kind of task they make.

    Args:
        y: one label a text (a list, a NumPy or pandas column); a list of lists, tuples or sets of
            labels; or an indicator, 0s and 1s of shape (n_texts, n_labels), whose labels are the
            column numbers. A label is text, a whole number (1.0 is 1) or a bool.
        task: "binary", "multiclass", "multilabel", or "auto": two labels are binary, more are
            multiclass, lists and indicators are multilabel.

    Returns:
        The codec, and what the user should know: what was chosen and how to choose otherwise
        (for "auto"), labels that never or always apply, and more labels than such texts usually
        have. "" if there is nothing to tell.

    Raises:
        InputError: no text, missing labels, labels of several types, nothing to tell apart, labels
            that do not fit the task, or nearly as many labels as texts.

    Example:
        >>> codec, told = learn_labels(["spam", "ham", "spam"])
        >>> codec, codec.encode(["ham", "spam"])
        (LabelCodec(task='binary', labels=('ham', 'spam')), array([0, 1]))
        >>> print(told)
        Two labels: task "binary", 'spam' is the positive one. Name the task to choose otherwise.
    """
    check_task(task, known=("auto", *TASKS))
    found = read_labels(y, multilabel=task == "multilabel")
    n_texts = len(found.marks if isinstance(found, Indicator) else found.values)
    if not n_texts:
        raise InputError("Expected labels to learn from, got none. Give one a text.")
    if isinstance(found, FlatLabels) and task != "multilabel":
        return _learn_single(found.values, task)
    if task not in ("auto", "multilabel"):
        raise InputError(one_label_each(task))
    return _learn_multiple(found, task)


def _learn_single(values: list[Label], task: str) -> tuple[LabelCodec, str]:
    labels, notes = _counted(values)
    if len(labels) == 1:
        raise InputError(
            f"Expected at least two labels to tell apart, got only {show(labels)} for all "
            f"{len(values):,} texts. Add texts with another label."
        )
    if task == "binary" and len(labels) > 2:
        raise InputError(
            f"Expected two labels for task 'binary', got {len(labels)}: {show(labels)}. Use task "
            "'multiclass' or 'auto'."
        )
    chosen = task if task != "auto" else "binary" if len(labels) == 2 else "multiclass"
    if task == "auto" and chosen == "binary":
        notes.insert(
            0, f'Two labels: task "binary", {labels[1]!r} is the positive one. {_OTHERWISE}'
        )
    elif task == "auto":
        notes.insert(0, f'{len(labels)} labels, one a text: task "multiclass". {_OTHERWISE}')
    return LabelCodec(chosen, labels), " ".join(notes)


def _learn_multiple(found: FlatLabels | LabelSets | Indicator, task: str) -> tuple[LabelCodec, str]:
    labels, notes = _different_labels(found)
    marks = LabelCodec("multilabel", labels).indicator(found) if labels else np.zeros((0, 0))
    counts = marks.sum(axis=0, dtype=np.int64)
    if not counts.any():
        raise InputError(
            "Expected some label to apply to some text, got no label for any of them. Check the "
            "label columns."
        )
    never, always = counts == 0, counts == len(marks)
    if (never | always).all():
        raise InputError(
            f"Expected a label that applies to some of the {len(marks):,} texts, got "
            f"{show(_picked(labels, always))} for all of them and no other. Add texts without."
        )
    notes += _constant(_picked(labels, never), "no")
    notes += _constant(_picked(labels, always), "every")
    if task == "auto":
        one_each = bool((marks.sum(axis=1) == 1).all())
        told = f'{len(labels)} labels, any number a text: task "multilabel".'
        notes.insert(0, f"{told} {_ONE_EACH if one_each else _FLAT}")
    return LabelCodec("multilabel", labels), " ".join(notes)


def _different_labels(
    found: FlatLabels | LabelSets | Indicator,
) -> tuple[tuple[Label, ...], list[str]]:
    """The labels, sorted, and what there is to tell of their number."""
    if isinstance(found, Indicator):
        return tuple(range(found.marks.shape[1])), []
    if isinstance(found, FlatLabels):
        return _counted(found.values)
    return _counted([label for row in found.values for label in row])


def _counted(values: list[Label]) -> tuple[tuple[Label, ...], list[str]]:
    labels = tuple(sorted(set(values)))
    return labels, _too_many(len(labels), len(values), example=next(iter(labels), ""))


def _picked(labels: tuple[Label, ...], chosen: NDArray[np.bool_]) -> list[Label]:
    return [labels[k] for k in np.flatnonzero(chosen).tolist()]


def _constant(labels: list[Label], kind: str) -> list[str]:
    """A sentence on labels that apply to no text or to every text, if there are any."""
    if not labels:
        return []
    verb = "applies" if len(labels) == 1 else "apply"
    which = "Label" if len(labels) == 1 else f"{len(labels)} labels"
    return [f"{which} ({show(labels)}) {verb} to {kind} text: nothing can be learned there."]


def _too_many(n_labels: int, n_uses: int, *, example: Label) -> list[str]:
    """A sentence where labels hardly repeat; an error where most stand alone."""
    if n_labels <= _FEW_LABELS or n_labels <= _MANY_OF_TEXTS * n_uses:
        return []
    if n_labels > _MOST_OF_TEXTS * n_uses:
        raise InputError(
            f"Expected labels that repeat, got {n_labels:,} different ones in {n_uses:,} (such as "
            f"{show([example])}): nearly every text has its own. It looks like free text or a "
            "number to predict. Choose a column of categories, or group numbers into ranges."
        )
    return [f"{n_labels:,} labels for {n_uses:,} texts are few texts a label."]
