"""Columns handed through from the input, given one type when all of their values are known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa

_KINDS = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}
_INT64 = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)


def kind_of(value: Any) -> str:
    """The JSON kind of a value: bool, int, long, float, str, null or other.

    A "long" integer is one that a float would round.
    """
    kind = _KINDS.get(type(value), "other")
    if kind != "int" or value in _EXACT:
        return kind
    return "long" if value in _INT64 else "other"


def storable(columns: dict[str, Any]) -> dict[str, Any]:
    """Values as they can be kept as JSON, which has no infinity: as strings `float` understands."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in columns.items()
    }


def column_type(kinds: Iterable[str]) -> pa.DataType:
    """The one type that holds values of these kinds; strings hold everything."""
    found = set(kinds) - {"null"}
    if found == {"bool"}:
        return pa.bool_()
    if found and found <= {"int", "long"}:
        return pa.int64()
    if found and found <= {"int", "float"}:
        return pa.float64()
    return pa.string()


def column_array(values: list[Any], dtype: pa.DataType) -> pa.Array:
    """Values as an Arrow array; what is no string becomes JSON in a column of strings."""
    if pa.types.is_string(dtype):
        values = [v if v is None or isinstance(v, str) else _json(v) for v in values]
    elif pa.types.is_floating(dtype):
        values = [v if v is None else float(v) for v in values]
    return pa.array(values, dtype)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
