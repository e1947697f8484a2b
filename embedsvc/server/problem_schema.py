"""How the OpenAPI document tells of problems; every endpoint may answer with them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from embedsvc.server.json_route import JsonRoute


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
    500: "The service failed; the id in X-Request-Id finds the reason in its log.",
    503: "Models are being loaded, or the service is stopping.",
    504: "It took too long.",
}
_ALWAYS = (403, 500)
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems as FastAPI's `responses` take them."""
    return {status: _problem(status) for status in statuses}


def new_router() -> APIRouter:
    """A router for endpoints that work on a body, with the problems all of them answer with."""
    return APIRouter(responses=problems(*_WORDS), route_class=JsonRoute)


def watching_router() -> APIRouter:
    """A router for endpoints that take no body; what else they answer with, they say themselves."""
    return APIRouter(responses=problems(*_ALWAYS))


def _problem(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {"model": ProblemBody, "description": _WORDS[status]}
    return {**told, "headers": _RETRY_AFTER} if status in (429, 504) else told
