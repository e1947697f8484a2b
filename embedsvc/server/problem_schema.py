"""How the OpenAPI document tells of problems; every endpoint may answer with them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel


class ProblemFields(BaseModel):
    """What is wrong: what was expected, what came, what to do."""

    message: str
    type: str
    param: str | None
    code: str


class ProblemBody(BaseModel):
    """The answer to a request that failed."""

    error: ProblemFields


_WORDS = {
    400: "The request is not usable.",
    401: "No API key, or an unknown one.",
    403: "Not from this host or page.",
    404: "No such model.",
    413: "Too large.",
    415: "Of the wrong type.",
    429: "Too much is going on; try again after the seconds in Retry-After.",
    503: "Models are being loaded, or the service is stopping.",
    504: "It took too long.",
}


def new_router() -> APIRouter:
    """A router for endpoints, with the problems they may answer with."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemBody, "description": words} for status, words in _WORDS.items()
    }
    return APIRouter(responses=responses)
