"""Settings of an estimator: which there are and what they may be, as its constructor declares them.

The annotations of the constructor are the one place that says so: fitting checks against them, and
so does reading a saved model.
"""

from __future__ import annotations

import inspect
import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "None",
    Path: "a path",
    dict: "an object",
    Any: "anything",
}
_LISTS = (list, tuple)
_WHOLE = re.compile("[0-9]{1,9}")


def setting_types(estimator: type) -> dict[str, Any]:
    """The type of each setting, by name, in the order of the constructor."""
    parameters = inspect.signature(estimator, eval_str=True).parameters
    return {name: parameter.annotation for name, parameter in parameters.items()}


def fits(value: object, hint: Any) -> bool:
    """Whether a value is of a type.

    Args:
        value: anything. Numbers of NumPy are numbers, lists are tuples too; NaN, infinity and whole
            numbers of more than 64 bits are no numbers.
        hint: bool, int, float, str, Path, None, Any, a Literal, a Callable, or a union, tuple,
            Sequence or Mapping of these.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Callable:
        return callable(value)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is tuple:
        return (
            isinstance(value, _LISTS) and len(value) == len(inner) and all(map(fits, value, inner))
        )
    if origin is Sequence:
        return isinstance(value, _LISTS) and all(fits(one, inner[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            fits(key, inner[0]) and fits(one, inner[1]) for key, one in value.items()
        )
    if hint in (int, float):
        return _is_number(value, hint)
    return isinstance(value, hint)


def in_words(hint: Any) -> str:
    """A type for a message: `in_words(int | tuple[int, int])`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Callable:
        return "a function"
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin in (Union, UnionType):
        return " or ".join(in_words(one) for one in inner)
    if origin is tuple:
        return f"a list of {len(inner)}: {', '.join(in_words(one) for one in inner)}"
    if origin is Sequence:
        return f"a list, each {in_words(inner[0])}"
    if origin is Mapping:
        return f"a dict of {in_words(inner[0])} to {in_words(inner[1])}"
    return _WORDS[hint]


def to_json(value: Any) -> Any:
    """A setting as JSON has it: tuples become lists, the keys of a dict texts."""
    if isinstance(value, Mapping):
        return {str(key): to_json(one) for key, one in value.items()}
    if isinstance(value, _LISTS):
        return [to_json(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, numbers.Number) and not isinstance(value, bool):
        return int(value) if isinstance(value, numbers.Integral) else float(value)  # type: ignore
    return value


def from_json(value: Any, hint: Any) -> Any:
    """The reverse of `to_json`; what does not fit the type is returned as it is."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict) and _has_whole_keys(hint):
        return {int(key) if _WHOLE.fullmatch(key) else key: one for key, one in value.items()}
    return value


def _has_whole_keys(hint: Any) -> bool:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(get_origin(kind) is Mapping and get_args(kind)[0] is int for kind in kinds)


def _is_number(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, numbers.Integral):
        return abs(int(value)) < 2**63
    return kind is float and isinstance(value, numbers.Real) and math.isfinite(value)
