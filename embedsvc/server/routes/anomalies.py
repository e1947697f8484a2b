"""POST /v1/anomalies: how unusual pictures are to a detector, and where."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from starlette.requests import Request as HttpRequest

from embedsvc.server.anomaly_request import OPENAPI, AskedImages, read_request
from embedsvc.server.answers import list_answer
from embedsvc.server.hosting import Kind
from embedsvc.server.image_data import Picture
from embedsvc.server.problem_schema import new_router
from embedsvc.server.problems import BodyTooLarge, Problem
from embedsvc.server.service import Service
from embedsvc.server.text_work import check_items

if TYPE_CHECKING:
    from embedsvc.server.image_models import HostedDetector, ScoredImage

_KINDS: tuple[Kind, ...] = ("detector",)
# An answer with many more would be hundreds of megabytes, whatever the request was.
_MOST_HEATMAPS = 64


class ImageError(BaseModel):
    """What is wrong with an image: what was expected, what came, what to do."""

    message: str
    type: str
    param: str | None
    code: str


class Anomaly(BaseModel):
    """What the detector says of an image."""

    object: Literal["anomaly"]
    index: int
    name: Annotated[str | None, Field(description="Of the uploaded file.")]
    score: Annotated[float | None, Field(description="Higher = more anomalous.")]
    is_anomaly: Annotated[bool | None, Field(description="Whether it is above the threshold.")]
    p_value: Annotated[
        float | None, Field(description="The share of normal images that score at least as high.")
    ]
    width: Annotated[int | None, Field(description="Of the upright picture, in pixels.")]
    height: Annotated[int | None, Field(description="Of the upright picture, in pixels.")]
    heatmap: Annotated[
        str | None,
        Field(description="A PNG as a data URL: lay it over the picture, at the same size."),
    ]
    error: Annotated[
        ImageError | None,
        Field(description="Why this image could not be scored; all else is null then."),
    ]


class AnomalyResponse(BaseModel):
    """Scores in the order of the images."""

    object: Literal["list"]
    data: list[Anomaly]
    model: str
    method: str
    threshold: Annotated[float, Field(description="Scores above it are anomalies.")]


def router(service: Service) -> APIRouter:
    """The endpoint."""
    routes = new_router()

    @routes.post("/v1/anomalies", response_model=AnomalyResponse, openapi_extra=OPENAPI)
    async def anomalies(request: HttpRequest) -> Response:
        """Say how unusual images are, and where; as JSON, or as files of a form."""
        content_type = request.headers.get("content-type", "")
        body = await request.body()
        asked = await asyncio.to_thread(read_request, body, content_type, service.settings)
        model = cast("HostedDetector", service.hosting.get(asked.model, _KINDS))
        _check(service, asked)
        request.state.log |= {"model": model.name, "n_items": len(asked)}
        scored = await _scored(model, asked, service)
        return _answer(model, asked, scored)

    return routes


def _check(service: Service, asked: AskedImages) -> None:
    check_items(service, len(asked), param=asked.param)
    if asked.heatmap and len(asked) > _MOST_HEATMAPS:
        raise BodyTooLarge(
            f"Expected at most {_MOST_HEATMAPS} images where heat maps are asked for, got "
            f"{len(asked):,}. Send them in several requests, or leave heatmap out.",
            param=asked.param,
        )


async def _scored(
    model: HostedDetector, asked: AskedImages, service: Service
) -> Sequence[ScoredImage | Problem]:
    """A result or a problem each; where all have problems, the first is that of the request."""
    found = await asyncio.to_thread(asked.pictures, service.settings)
    readable = [one for one in found if isinstance(one, Picture)]
    scored = iter(await model.score(readable, heatmap=asked.heatmap))
    results = [next(scored) if isinstance(one, Picture) else one for one in found]
    if results and all(isinstance(one, Problem) for one in results):
        raise cast("Problem", results[0])
    return results


def _answer(
    model: HostedDetector, asked: AskedImages, results: Sequence[ScoredImage | Problem]
) -> Response:
    def item(index: int) -> dict[str, Any]:
        known = {"object": "anomaly", "index": index, "name": asked.shown_name(index)}
        return known | _fields(results[index])

    fields = {"model": model.name, "method": model.method, "threshold": model.threshold}
    return list_answer(len(results), item, fields)


def _fields(result: ScoredImage | Problem) -> dict[str, Any]:
    if isinstance(result, Problem):
        names = ("score", "is_anomaly", "p_value", "width", "height", "heatmap")
        return {**dict.fromkeys(names), "error": result.fields()}
    return {
        "score": result.score,
        "is_anomaly": result.is_anomaly,
        "p_value": result.p_value,
        "width": result.width,
        "height": result.height,
        "heatmap": None if result.heatmap is None else _data_url(result.heatmap),
        "error": None,
    }


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
