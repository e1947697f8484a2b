"""Fields that several endpoints take: checked in one place, told in our words.

Pydantic's own unions would answer with one message for each form that was not met.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# Ids in a request are small; a bound keeps arithmetic on them exact whatever comes.
_MOST_ID = 2**31 - 1

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_IDS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": _MOST_ID}}


class Request(BaseModel):
    """A request's JSON: a misspelt field is refused, not overlooked, and "1" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


def problem(where: str, expected: str, got: str) -> PydanticCustomError:
    """A validation error in our words.

    Args:
        where: what it is about, below the field: "[3]", or "" for the field itself.
        expected: what it should be, and what to do.
        got: what came.
    """
    return PydanticCustomError(
        "value", "Expected {expected}, got {got}.", {"expected": expected, "got": got, "at": where}
    )


def describe(value: object) -> str:
    """What a JSON value is, without its content."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object"


def read_texts(value: object) -> list[str]:
    """One text or several, as a list."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise problem("", "a text or a list of texts", describe(value))
    _check_each(value, str, "a text")
    return value


def read_list_of_texts(value: object) -> list[str]:
    """Several texts; one alone has nothing to be compared with, but will do."""
    if not isinstance(value, list):
        raise problem("", "a list of texts", describe(value))
    _check_each(value, str, "a text")
    return value


def read_texts_or_ids(value: object) -> list[str] | list[list[int]]:
    """One text or several, or the token ids of one or several."""
    if not isinstance(value, list) or not value or isinstance(value[0], str):
        if not isinstance(value, (str, list)):
            raise problem("", "a text, a list of texts, or lists of token ids", describe(value))
        return read_texts(value)
    if isinstance(value[0], list):
        for i, ids in enumerate(value):
            if not isinstance(ids, list):
                raise problem(f"[{i}]", "a list of token ids, as the first is", describe(ids))
            _check_ids(ids, f"[{i}]")
        return value
    if isinstance(value[0], int) and not isinstance(value[0], bool):
        _check_ids(value, "")
        return [value]
    raise problem("[0]", "a text, a token id or a list of token ids", describe(value[0]))


def _check_each(values: list[Any], kind: type, expected: str) -> None:
    for i, one in enumerate(values):
        if not isinstance(one, kind):
            raise problem(f"[{i}]", expected, describe(one))


def _check_ids(ids: list[Any], where: str) -> None:
    if not ids:
        raise problem(where, "token ids", "an empty list")
    for i, one in enumerate(ids):
        if type(one) is not int or not 0 <= one <= _MOST_ID:
            raise problem(f"{where}[{i}]", "a token id", _number(one))


def _number(value: object) -> str:
    return f"{value}" if type(value) is int and abs(value) < 2**63 else describe(value)


Texts = Annotated[list[str], PlainValidator(read_texts), WithJsonSchema({"anyOf": [_TEXT, _TEXTS]})]
ListOfTexts = Annotated[list[str], PlainValidator(read_list_of_texts), WithJsonSchema(_TEXTS)]
TextsOrIds = Annotated[
    list[str] | list[list[int]],
    PlainValidator(read_texts_or_ids),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXT,
                _TEXTS,
                {**_IDS, "minItems": 1},
                {"type": "array", "items": {**_IDS, "minItems": 1}},
            ]
        }
    ),
]
ModelName = Annotated[
    str | None,
    Field(description="A model of this service; left out, the first that fits.", max_length=500),
]
Truncate = Annotated[
    bool | None,
    Field(
        description="Whether texts that do not fit are cut; otherwise they are refused. Left out, "
        "as the service was started."
    ),
]


class Usage(BaseModel):
    """Tokens that were computed, special tokens included."""

    prompt_tokens: int
    total_tokens: int
