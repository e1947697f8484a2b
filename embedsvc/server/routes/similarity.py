"""POST /v1/similarity: how alike texts are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from starlette.requests import Request as HttpRequest

from embedsvc.server.answers import json_answer, usage
from embedsvc.server.fields import ListOfTexts, ModelName, Request, Truncate, Usage
from embedsvc.server.problem_schema import new_router
from embedsvc.server.problems import BodyTooLarge
from embedsvc.server.service import Service
from embedsvc.server.text_work import compute, note, text_model
from embedsvc.vectors.projection import project
from embedsvc.vectors.similarity import similarity_matrix

if TYPE_CHECKING:
    from embedsvc.server.text_models import ComputedTexts

_MOST_PAIRS = 1_000_000


class SimilarityRequest(Request):
    """Texts to compare."""

    input: Annotated[
        ListOfTexts,
        Field(
            description="Texts, a row of the answer each.",
            examples=[["late parcel", "the package is delayed", "a cat"]],
        ),
    ]
    other: Annotated[
        ListOfTexts | None,
        Field(description="Texts, a column each; left out, those of input."),
    ] = None
    model: ModelName = None
    metric: Annotated[
        Literal["cosine", "dot", "euclidean"],
        Field(description="Cosines, products, or distances, of which small ones are close."),
    ] = "cosine"
    map: Annotated[
        bool, Field(description="Whether the texts of input are laid out on a plane too.")
    ] = False
    truncate: Truncate = None


class SimilarityResponse(BaseModel):
    """Every text of input with every other."""

    object: Literal["similarity"]
    model: str
    metric: Literal["cosine", "dot", "euclidean"]
    similarity: Annotated[list[list[float]], Field(description="A row for each text of input.")]
    map: Annotated[
        list[tuple[float, float]] | None,
        Field(description="Places of input on a plane, by its two main directions."),
    ]
    truncated: Annotated[
        list[int], Field(description="Which texts were cut; those of other follow on input's.")
    ]
    usage: Usage


def router(service: Service) -> APIRouter:
    """The endpoint."""
    routes = new_router()

    @routes.post("/v1/similarity", response_model=SimilarityResponse)
    async def similarity(body: SimilarityRequest, request: HttpRequest) -> Response:
        """Compare texts with each other, or with others."""
        model = text_model(service, body.model)
        texts = [*body.input, *(body.other or ())]
        n_rows, n_columns = len(body.input), len(body.input if body.other is None else body.other)
        _check_pairs(n_rows, n_columns)
        computed = await compute(service, model, texts, truncate=body.truncate)
        note(request, service, model.name, texts, n_tokens=computed.used_tokens)
        # A million pairs take a while to compare and to write.
        return await asyncio.to_thread(_answer, body, model.name, computed)

    return routes


def _answer(body: SimilarityRequest, model: str, computed: ComputedTexts) -> Response:
    rows = computed.vectors[: len(body.input)]
    columns = rows if body.other is None else computed.vectors[len(body.input) :]
    places = project(rows, method="pca") if body.map else None
    return json_answer(
        {
            "object": "similarity",
            "model": model,
            "metric": body.metric,
            "similarity": similarity_matrix(rows, columns, metric=body.metric),
            "map": places,
            "truncated": computed.truncated,
            "usage": usage(computed.used_tokens),
        }
    )


def _check_pairs(n_rows: int, n_columns: int) -> None:
    if n_rows * n_columns > _MOST_PAIRS:
        raise BodyTooLarge(
            f"Expected at most {_MOST_PAIRS:,} pairs of texts, got {n_rows:,} x {n_columns:,}. "
            "Compare fewer at once, or use `embedsvc similar` on a file.",
            param="input",
        )
