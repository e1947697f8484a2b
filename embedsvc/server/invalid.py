"""A request that does not fit its schema, told in the words of all other problems."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from embedsvc.server.fields import describe
from embedsvc.server.problems import BadRequest

_SHOWN = 60
_OUR_WORDS = (
    ("Input should be greater", "Expected a number greater"),
    ("Input should be less", "Expected a number less"),
    ("Input should be", "Expected"),
    ("String should have", "Expected"),
)


def invalid_request(
    errors: Sequence[Mapping[str, Any]], model: type[BaseModel] | None
) -> BadRequest:
    """The problem to answer with.

    Args:
        errors: pydantic's, of which one is told.
        model: that was not met, for the names of its fields.
    """
    # A field that is missing may have come under a misspelt name, which tells more.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    context = first.get("ctx") or {}
    param = _param(first["loc"]) + str(context.get("at", ""))
    return BadRequest(_words(first, param, model), param=param or None)


def _words(error: Mapping[str, Any], param: str, model: type[BaseModel] | None) -> str:
    kind = error["type"]
    if kind == "value":
        return f"{param}: {error['msg']}"
    if kind == "json_invalid":
        reason = (error.get("ctx") or {}).get("error", "it cannot be parsed")
        return f"Expected JSON, got something else: {reason}. Check quotes, commas and encoding."
    if kind == "missing" and param:
        return f"Expected the field {param!r}, got none. Add it."
    if kind == "extra_forbidden":
        return _unknown_field(param, model)
    if not param:
        return "Expected a JSON object, got something else. Put the fields into {...}."
    expected = error["msg"].removesuffix(".")
    for theirs, ours in _OUR_WORDS:
        expected = expected.replace(theirs, ours, 1)
    return f"{param}: {expected}, got {_shown(error.get('input'))}."


def _unknown_field(param: str, model: type[BaseModel] | None) -> str:
    known = list(model.model_fields) if model else []
    close = difflib.get_close_matches(param, known, 1)
    cure = f"Did you mean {close[0]!r}?" if close else "Leave it out."
    return f"Expected the fields {', '.join(known)}, got {param[:_SHOWN]!r} too. {cure}"


def _param(place: Sequence[str | int]) -> str:
    """The path of a field: "input[3]"."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path[:200]


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.6g}"
    return describe(value)
