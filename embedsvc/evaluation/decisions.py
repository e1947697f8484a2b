"""From the probabilities of labels to the labels that apply, and what both must look like.

A label applies when its probability is **strictly greater** than its threshold (`decide`).
"""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError

TASKS = ("binary", "multiclass", "multilabel")
"""One of two labels a text, one of many, or any number of them."""

USUAL_THRESHOLD = 0.5

# Probabilities in half precision add up to 1 within this.
_SUM_TOLERANCE = 5e-3


def check_task(task: str, *, known: tuple[str, ...] = TASKS) -> None:
    """Raise InputError unless the task is one of those known."""
    if task not in known:
        near = difflib.get_close_matches(str(task), known, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"Expected task to be {_either(known)}, got {task!r}.{guess}")


def as_array(values: ArrayLike, *, name: str) -> NDArray[Any]:
    """The values as one array.

    Raises:
        InputError: rows of different lengths.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(
            f"Expected {name} to be an array, got nested rows of different lengths. Give as many "
            "values in every row."
        ) from error


def check_probabilities(
    probabilities: ArrayLike, *, task: str, n_labels: int | None = None
) -> NDArray[np.float64]:
    """The probabilities as float64, shape (n_texts, n_labels).

    Double precision matters: a threshold halfway between two neighbouring float32 numbers is no
    float32.

    Args:
        probabilities: one row a text, one column a label, for a binary task too.
        task: one of `TASKS`; unless it is "multilabel" a row adds up to 1.
        n_labels: how many columns there must be; None allows any number.

    Raises:
        InputError: another shape, numbers outside 0 to 1, or rows that do not add up.
    """
    check_task(task)
    values = as_array(probabilities, name="probabilities")
    wanted = 2 if task == "binary" else n_labels
    fits = values.ndim == 2 and values.shape[1] > 0 and values.dtype.kind in "fiub"
    if not fits or (wanted is not None and values.shape[1] != wanted):
        raise InputError(
            f"Expected probabilities as numbers of shape (n_texts, {wanted or 'n_labels'}), got "
            f"{values.dtype} of shape {values.shape}. Give one row a text and one column a label."
        )
    values = values.astype(np.float64)
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        row, column = np.argwhere(outside)[0].tolist()
        raise InputError(
            f"Expected probabilities from 0 to 1, got {values[row, column]} for text {row}, label "
            f"{column} ({int(outside.sum())} are outside). Logits need a sigmoid or softmax first."
        )
    if task != "multilabel":
        _check_sums(values)
    return values


def check_indicator(targets: ArrayLike, *, n_labels: int | None = None) -> NDArray[np.bool_]:
    """Whether each label applies to each text, as bool, shape (n_texts, n_labels).

    Raises:
        InputError: anything but 0s and 1s of two dimensions, or of another width.
    """
    values = as_array(targets, name="targets")
    if values.ndim != 2 or n_labels not in (None, values.shape[1]):
        raise InputError(
            f"Expected targets of shape (n_texts, {n_labels or 'n_labels'}), got shape "
            f"{values.shape}. Give one row a text and one column a label."
        )
    if values.dtype.kind not in "fiub":
        raise InputError(
            f"Expected targets to be 0s and 1s, got {values.dtype}. Encode the labels first."
        )
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise InputError(
            f"Expected targets to be 0s and 1s, got {values[row, column]} for text {row}, label "
            f"{column}. Write 1 where the label applies and 0 elsewhere."
        )
    return values.astype(np.bool_)


def check_positions(targets: ArrayLike, *, n_labels: int | None = None) -> NDArray[np.int64]:
    """The position of each text's label, int64 of shape (n_texts,).

    Raises:
        InputError: anything but whole numbers of one dimension, or positions that do not exist.
    """
    values = as_array(targets, name="targets")
    if values.ndim != 1 or (values.dtype.kind not in "iub" and values.size):
        raise InputError(
            f"Expected targets as whole numbers of shape (n_texts,), got {values.dtype} of shape "
            f"{values.shape}. Give the position of one label a text."
        )
    wrong = np.flatnonzero((values < 0) | (n_labels is not None and values >= n_labels))
    if len(wrong):
        raise InputError(
            f"Expected targets from 0 to {'n_labels' if n_labels is None else n_labels} - 1, got "
            f"{values[wrong[0]]} at position {wrong[0]}. Give the position of one label a text."
        )
    return values.astype(np.int64)


def check_thresholds(thresholds: ArrayLike | None, n_labels: int) -> NDArray[np.float64]:
    """One threshold a label as float64, shape (n_labels,); 0.5 each where none are given.

    Raises:
        InputError: another number of them, or one outside 0 to 1.
    """
    if thresholds is None:
        return np.full(n_labels, USUAL_THRESHOLD)
    values = as_array(thresholds, name="thresholds")
    if values.shape != (n_labels,) or values.dtype.kind not in "fiu":
        raise InputError(
            f"Expected {n_labels} thresholds, one a label, got {values.dtype} of shape "
            f"{values.shape}. Give one number from 0 to 1 a label."
        )
    wrong = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(wrong):
        raise InputError(
            f"Expected thresholds from 0 to 1, got {values[wrong[0]]} for label {wrong[0]}. "
            "A label applies when its probability is greater."
        )
    return values.astype(np.float64)


def decide(
    probabilities: ArrayLike, *, task: str, thresholds: ArrayLike | None = None
) -> NDArray[np.int64]:
    """The labels that apply; the one place where probabilities become decisions.

    Args:
        probabilities: numbers of shape (n_texts, n_labels); two columns, negative and positive,
            for a binary task.
        task: one of `TASKS`.
        thresholds: shape (n_labels,), 0.5 each if None. Multilabel: a label applies when its
            probability is greater. Binary: the positive label is taken when its probability is
            greater than `thresholds[1]`. Multiclass takes the most probable label whatever the
            thresholds are, the first one of equals.

    Returns:
        int64: label positions of shape (n_texts,), or for a multilabel task 0s and 1s of shape
        (n_texts, n_labels).

    Raises:
        InputError: an unknown task, or bad probabilities or thresholds.

    Example:
        >>> decide([[0.9, 0.1], [0.2, 0.8]], task="multiclass")
        array([0, 1])
        >>> decide([[0.9, 0.7], [0.2, 0.4]], task="multilabel", thresholds=[0.5, 0.3])
        array([[1, 1],
               [0, 1]])
    """
    values = check_probabilities(probabilities, task=task)
    limits = check_thresholds(thresholds, values.shape[1])
    if task == "multiclass":
        return np.asarray(np.argmax(values, axis=1), np.int64)
    above = values > limits
    return np.asarray(above if task == "multilabel" else above[:, 1], np.int64)


def _check_sums(values: NDArray[np.float64]) -> None:
    sums = values.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > _SUM_TOLERANCE)
    if len(wrong):
        raise InputError(
            f"Expected the probabilities of a text to add up to 1, got {sums[wrong[0]]:.4g} for "
            f"text {wrong[0]} ({len(wrong)} of {len(values)} do not). If labels are independent, "
            "the task is 'multilabel'."
        )


def _either(names: tuple[str, ...]) -> str:
    *first, last = (repr(name) for name in names)
    return f"{', '.join(first)} or {last}"
