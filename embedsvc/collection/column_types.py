"""The type of a column: what its values are, and how they become those of the table.

CSV files hold text alone. A column of theirs is one of numbers where every value reads as one, so
that a filter such as `stars > 3` does what it says; numbers with zeros in front, as postal codes
have, stay texts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from embedsvc.errors import InputError
from embedsvc.extract.columns import quoted
from embedsvc.extract.rows import printable

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_TRUTH = {"true": True, "false": False}
_INT64 = range(-(2**63), 2**63)
_TIME = pa.timestamp("us")

_WORDS = {
    pa.int64(): "whole numbers",
    pa.float64(): "numbers",
    pa.bool_(): "true or false",
    pa.string(): "texts",
    pa.date32(): "dates",
}


class TypeGuess:
    """Finds the one type that holds all values of a column.

    Args:
        textual: whether the values come from a format that has nothing but text.
    """

    def __init__(self, *, textual: bool) -> None:
        self._textual = textual
        self._kinds: set[str] = set()

    def see(self, value: Any) -> None:
        """Take one more value into account."""
        self._kinds.add(_kind(value, textual=self._textual))

    def type(self) -> pa.DataType | None:
        """The type, or None where no value said anything."""
        kinds = self._kinds - {"null"}
        if not kinds:
            return None
        for fitting, dtype in _FITTING:
            if kinds <= fitting:
                return dtype
        return pa.string()


_FITTING: tuple[tuple[set[str], pa.DataType], ...] = (
    ({"bool"}, pa.bool_()),
    ({"int"}, pa.int64()),
    ({"int", "float"}, pa.float64()),
    ({"date"}, pa.date32()),
    ({"time"}, _TIME),
    ({"zoned"}, pa.timestamp("us", tz="UTC")),
)


def to_array(
    values: Sequence[Any], dtype: pa.DataType, name: str, where: Callable[[int], str]
) -> pa.Array:
    """Values as an array of a column's type.

    Args:
        values: as they came.
        dtype: of the column.
        name: of the column.
        where: says where a value stands, by its number.

    Raises:
        InputError: a value that is none of the type; the message says where it stands.
    """
    convert = _CONVERT.get(dtype, lambda value: value)
    converted = []
    for at, value in enumerate(values):
        try:
            converted.append(None if _is_missing(value) else convert(value))
        except (TypeError, ValueError, KeyError) as err:
            raise _conflict(value, dtype, name, where(at)) from err
    try:
        return pa.array(converted, dtype)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as err:
        for at, value in enumerate(converted):
            try:
                pa.array([value], dtype)
            except (pa.ArrowException, OverflowError, TypeError, ValueError):
                raise _conflict(values[at], dtype, name, where(at)) from err
        raise


def _kind(value: Any, *, textual: bool) -> str:
    if _is_missing(value) or (textual and value == ""):
        return "null"
    if isinstance(value, str):
        return _kind_of_text(value) if textual else "text"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if value in _INT64 else "other"
    if isinstance(value, float):
        return "float"
    if isinstance(value, datetime):
        return "time" if value.tzinfo is None else "zoned"
    return "date" if isinstance(value, date) else "other"


def _kind_of_text(value: str) -> str:
    if _INTEGER.fullmatch(value):
        return "int"
    if _NUMBER.fullmatch(value):
        return "float"
    return "bool" if value.lower() in _TRUTH else "text"


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _to_int(value: Any) -> int | None:
    if isinstance(value, str):
        if value == "":
            return None
        if not _INTEGER.fullmatch(value):
            raise ValueError(value)
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _to_float(value: Any) -> float | None:
    if isinstance(value, str):
        if value == "":
            return None
        if not _NUMBER.fullmatch(value):
            raise ValueError(value)
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(value)


def _to_bool(value: Any) -> bool | None:
    if isinstance(value, str):
        return None if value == "" else _TRUTH[value.lower()]
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, default=str, ensure_ascii=False)


_CONVERT: dict[pa.DataType, Callable[[Any], Any]] = {
    pa.int64(): _to_int,
    pa.float64(): _to_float,
    pa.bool_(): _to_bool,
    pa.string(): _to_text,
}


def _conflict(value: Any, dtype: pa.DataType, name: str, where: str) -> InputError:
    words = _WORDS.get(dtype, f"values of the type {dtype}")
    return InputError(
        f"{where}: Expected {words} in the column {quoted(name)}, as the collection or the rows "
        f"before have them, got '{printable(str(value), limit=60)}'. Correct the value, or keep "
        "the column under another name."
    )
