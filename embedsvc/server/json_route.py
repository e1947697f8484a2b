"""Endpoints that take a JSON body, read in one step from its bytes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from embedsvc.server.invalid import invalid_request
from embedsvc.server.problems import WrongMediaType

Body = TypeVar("Body", bound=BaseModel)


class JsonRoute(APIRoute):
    """A route whose endpoint is called as `endpoint(body, request)`.

    FastAPI documents it as any other, but does not call it: parsing with Python's parser, and
    looking for dependencies that there are none of, would take a third of a request's time in the
    event loop. An endpoint without a body is left to FastAPI.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        if self.body_field is None:
            return super().get_route_handler()
        model = cast("type[BaseModel]", self.body_field.field_info.annotation)
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            _check_is_json(request.headers.get("content-type", ""))
            response: Response = await endpoint(read_json(await request.body(), model), request)
            return response

        return answer


def media_type(content_type: str) -> str:
    """What a Content-Type says without its options, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether a body is meant to be JSON: application/json, or application/...+json."""
    kind = media_type(content_type)
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _check_is_json(content_type: str) -> None:
    if not is_json(content_type):
        raise WrongMediaType(
            f"Expected JSON, got the content type {content_type[:100]!r}. Send it with "
            "'Content-Type: application/json'."
        )


def read_json(body: bytes, model: type[Body]) -> Body:
    """Read a body.

    Raises:
        BadRequest: it is no JSON, or does not fit the model.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as err:
        raise invalid_request(err.errors(include_url=False), model) from err
