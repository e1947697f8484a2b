"""What people give as the labels of texts, read into one of three forms.

    one label a text        ["spam", "ham"], NumPy or pandas columns
    any number a text       [["joy", "pride"], [], ["anger"]], lists, tuples or sets
    an indicator            0s and 1s of shape (n_texts, n_labels)

A label is text, a whole number or a bool. What NumPy and pandas make of them is undone: NumPy's
own scalars, and whole numbers written as 1.0 because the column had gaps once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedsvc.errors import InputError

Label = str | int | bool

_SHOWN = 5
# pandas has its own word for a missing value, and comparing with it raises.
_MISSING_TYPES = {"NAType", "NaTType"}


@dataclass(frozen=True)
class FlatLabels:
    """One label a text."""

    values: list[Label]


@dataclass(frozen=True)
class LabelSets:
    """Any number of labels a text."""

    values: list[list[Label]]


@dataclass(frozen=True)
class Indicator:
    """Whether each label applies: 0 or 1, float32 of shape (n_texts, n_labels)."""

    marks: NDArray[np.float32]


def read_labels(
    y: object, *, multilabel: bool = False, width: int | None = None
) -> FlatLabels | LabelSets | Indicator:
    """Read labels in any of the forms above.

    Nested lists of 0s and 1s are an indicator if all are equally long, two or longer; else the
    numbers in them are labels.

    Args:
        y: the labels of the texts, in their order.
        multilabel: an array of shape (n_texts, 1) is an indicator; else it is a column of labels.
        width: how wide an indicator has to be for nested lists to be one; None allows any.

    Returns:
        The labels as Python values, or the indicator.

    Raises:
        InputError: labels are missing, of another type or of several types, or `y` has none of
            the forms.

    Example:
        >>> read_labels(np.array([1.0, 0.0]))
        FlatLabels(values=[1, 0])
    """
    if sparse.issparse(y):
        y = y.toarray()  # type: ignore[attr-defined]  # scipy has no types
    if hasattr(y, "__array__"):
        array = np.asarray(y)
        if array.ndim != 1:
            return _read_array(array, multilabel=multilabel)
        y = list(array) if array.dtype.kind in "mM" else array.tolist()
    if not isinstance(y, Iterable) or isinstance(y, str | bytes | Mapping | set | frozenset):
        raise InputError(
            f"Expected labels as a list or an array in the order of the texts, got "
            f"{type(y).__name__}. Give one entry a text."
        )
    return _read_rows(list(y), width)


def show(values: Sequence[object]) -> str:
    """The first few of them, and how many more there are."""
    shown = ", ".join(_short(value) for value in values[:_SHOWN])
    more = len(values) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _read_array(array: NDArray[Any], *, multilabel: bool) -> FlatLabels | LabelSets | Indicator:
    if array.ndim != 2:
        raise InputError(
            f"Expected labels of one dimension, or of two for an indicator, got shape "
            f"{array.shape}. Give one entry a text."
        )
    if array.shape[1] == 1 and not multilabel:
        return FlatLabels(_flat(array[:, 0].tolist()))
    if array.dtype.kind in "biuf":
        return _read_indicator(array)
    rows = array.tolist()
    return _read_indicator(np.array(rows)) if _are_marks(rows) else _read_rows(rows, width=0)


def _read_indicator(array: NDArray[Any]) -> Indicator:
    wrong = np.argwhere((array != 0) & (array != 1))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise InputError(
            f"Expected an indicator of 0s and 1s, got {array[row, column]} at row {row}, column "
            f"{column} ({len(wrong):,} such entries). Write 1 where the label applies and 0 "
            "elsewhere; where rows hold the labels themselves, give lists."
        )
    return Indicator(array.astype(np.float32))


def _read_rows(rows: list[Any], width: int | None) -> FlatLabels | LabelSets | Indicator:
    nested = [_is_collection(row) for row in rows]
    if not any(nested):
        return FlatLabels(_flat(rows))
    if not all(nested):
        single = nested.index(False)
        raise InputError(
            f"Expected a list of labels for each text, got {_short(rows[single])} at position "
            f"{single} and a list at position {nested.index(True)}. Write ['label'] for a text "
            "with one label and [] for a text with none."
        )
    fits = width in (None, len(rows[0]))
    if fits and _are_marks(rows):
        return _read_indicator(np.array([list(row) for row in rows]))
    sizes = [len(row) for row in rows]
    owner = np.repeat(np.arange(len(rows)), sizes).tolist()
    values = _flat([label for row in rows for label in row], owner)
    ends = np.cumsum(sizes).tolist()
    return LabelSets([values[end - size : end] for end, size in zip(ends, sizes, strict=True)])


def _is_collection(row: object) -> bool:
    """Whether it can hold the labels of one text."""
    if isinstance(row, np.ndarray):
        return row.ndim > 0
    return isinstance(row, list | tuple | set | frozenset)


def _are_marks(rows: list[Any]) -> bool:
    """Whether nested lists are an indicator: equally long, two or longer, 0s and 1s."""
    ordered = not any(isinstance(row, set | frozenset) for row in rows)
    return (
        ordered
        and len(rows) > 0
        and len(rows[0]) > 1
        and all(len(row) == len(rows[0]) for row in rows)
        and all(
            isinstance(mark, bool | int | float | np.generic) and mark in (0, 1)
            for row in rows
            for mark in row
        )
    )


def _flat(values: list[Any], owner: list[int] | None = None) -> list[Label]:
    """The labels as Python values; `owner` is the text of each, its own position by default."""
    position = range(len(values)) if owner is None else owner
    labels: list[Label] = []
    missing: list[int] = []
    first: dict[type, int] = {}
    for i, value in zip(position, values, strict=True):
        label = _plain(value, i)
        if label is None:
            missing.append(i)
        else:
            first.setdefault(type(label), i)
            labels.append(label)
    if missing:
        raise InputError(
            f"Expected a label for every text, got none at position {show(missing)}. Label these "
            "texts or leave them out (with several labels a text, [] says that none applies)."
        )
    if len(first) > 1:
        kinds = " and ".join(f"{kind.__name__} at position {i}" for kind, i in first.items())
        raise InputError(
            f"Expected labels of one type, got {kinds}. Write all of them as text, or all as "
            "whole numbers."
        )
    return labels


def _plain(value: Any, position: int) -> Label | None:
    """One label as Python has it; None where it is missing."""
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind not in "mM":
        value = value.item() if value.ndim == 0 else value.tolist()  # a time would become a number
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value) if value.strip() else None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if np.isnan(value):
            return None
        if value.is_integer():
            return int(value)
        raise InputError(
            f"Expected labels that name a category, got {value} at position {position}. Group "
            "numbers into ranges first; there is no regression here."
        )
    raise InputError(
        f"Expected labels to be text, whole numbers or bools, got {type(value).__name__} "
        f"({_short(value)}) at position {position}. Write them as text."
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def text_of(label: Label) -> str:
    """A label as it is written to files: `text_of(True)` is "true"."""
    return str(label).lower() if isinstance(label, bool) else str(label)
