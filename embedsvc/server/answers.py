"""Answers as bytes, without holding up other requests while long ones are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
_JSON = "application/json"
# Items of an answer written in one go: some 5 ms of 384 numbers each.
_AT_ONCE = 512


def json_answer(value: Any) -> Response:
    """An answer of a moderate size; numbers may be NumPy's, arrays C-contiguous."""
    return Response(orjson.dumps(value, option=_OPTIONS), media_type=_JSON)


def list_answer(
    n_items: int, item: Callable[[int], dict[str, Any]], fields: dict[str, Any]
) -> Response:
    """An answer with a list "data" that may be long.

    Args:
        n_items: of the list.
        item: makes one.
        fields: beside the list.
    """
    if n_items <= _AT_ONCE:
        return json_answer({"object": "list", "data": [item(i) for i in range(n_items)], **fields})
    return StreamingResponse(_written(n_items, item, fields), media_type=_JSON)


async def _written(
    n_items: int, item: Callable[[int], dict[str, Any]], fields: dict[str, Any]
) -> AsyncIterator[bytes]:
    yield b'{"object":"list","data":['
    for start in range(0, n_items, _AT_ONCE):
        part = [item(i) for i in range(start, min(start + _AT_ONCE, n_items))]
        yield (b"," if start else b"") + orjson.dumps(part, option=_OPTIONS)[1:-1]
        await asyncio.sleep(0)
    yield b"]," + orjson.dumps(fields, option=_OPTIONS)[1:]


def usage(n_tokens: int) -> dict[str, int]:
    """OpenAI's count of what was computed."""
    return {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
