"""What stands in the label columns of a row: a label, several, or 0 and 1 in a column each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedsvc.classify.label_reading import text_of
from embedsvc.errors import InputError
from embedsvc.extract.builder import json_type
from embedsvc.extract.columns import quoted
from embedsvc.extract.rows import printable

Labels = str | tuple[str, ...]
"""Of one text: its label, or all labels that apply where several may."""

SEPARATOR = ","
_TRUTH = {"0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}


@dataclass(frozen=True)
class LabelColumns:
    """Where labels stand, and how they are read.

    Attributes:
        names: one column that holds the label or the labels of a row; or several columns, each the
            name of a label, with 1 where it applies and 0 where it does not.
        separator: what stands between the labels of a row in one column; None where a cell is one
            label. A list, which Parquet and JSON have, is several labels either way.
    """

    names: tuple[str, ...]
    separator: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a file."""
        if not self.names or not all(self.names):
            raise InputError(
                "Expected the name of the label column, or the names of several columns with 0 "
                f"and 1 separated by commas, got {','.join(self.names)!r}. Pass --label."
            )
        if len(set(self.names)) < len(self.names):
            raise InputError(
                f"Expected different label columns, got {', '.join(self.names)}. Name each once."
            )
        if self.separator is not None and not self.separator.strip(" "):
            raise InputError(
                f"Expected a separator of labels, got {self.separator!r}. Pass one that is not "
                "blank, such as --label-separator ';'."
            )

    @property
    def as_indicators(self) -> bool:
        """Whether there is a column for each label."""
        return len(self.names) > 1

    def read(self, columns: Mapping[str, Any]) -> Labels:
        """The labels of a row.

        Args:
            columns: what stands in its columns.

        Returns:
            A label; or those that apply, in the order they stand there, each once.

        Raises:
            InputError: what stands there is no label; the text says why, not where.
        """
        if self.as_indicators:
            return tuple(name for name in self.names if _truth(columns.get(name), name))
        (name,) = self.names
        value = columns.get(name)
        if isinstance(value, list):
            return _once(_label(one, name) for one in value)
        if self.separator is None:
            return _label(value, name)
        if isinstance(value, str):
            parts = (part.strip() for part in value.split(self.separator))
            return _once(part for part in parts if part)
        return (_label(value, name),)


def read_truth(columns: LabelColumns, row: Mapping[str, Any]) -> Labels | None:
    """The labels of a row that need not have any; None where it has none that can be read."""
    try:
        return columns.read(row)
    except InputError:
        return None


def _once(labels: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


def _label(value: object, column: str) -> str:
    """A label as text: what numbers and truth values of Parquet and JSON are in a CSV file."""
    if isinstance(value, str):
        text = value.strip()
        if text:
            return text
    elif isinstance(value, bool | int):
        return text_of(value)
    elif isinstance(value, float) and math.isfinite(value):
        # Integers beside nothing become floats in a data frame.
        return str(int(value)) if value.is_integer() else repr(value)
    elif value is not None and not isinstance(value, float):
        raise InputError(
            f"Expected a label in the column {quoted(column)}, got {json_type(value)}. Write a "
            "text or a number, or a list of them."
        )
    raise InputError(
        f"Expected a label in the column {quoted(column)}, got null or nothing. Fill it in, or "
        "leave the row out."
    )


def _truth(value: object, column: str) -> bool:
    if isinstance(value, str | bool | int | float):
        found = _TRUTH.get(str(value).strip().lower())
        if found is not None:
            return found
    shown = "null or nothing" if value in (None, "") else printable(repr(value), limit=40)
    raise InputError(
        f"Expected 1 or 0 in the label column {quoted(column)}, as several label columns are "
        f"given, got {shown}. Correct the row, or name one column that holds the labels."
    )
