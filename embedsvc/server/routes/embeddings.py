"""POST /v1/embeddings: vectors of texts or images, as OpenAI's API has it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from fastapi import APIRouter, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.requests import Request as HttpRequest

from embedsvc.server.answers import list_answer, usage
from embedsvc.server.fields import ModelName, Request, TextsOrIds, Truncate, Usage
from embedsvc.server.image_data import pictures_of
from embedsvc.server.problem_schema import new_router
from embedsvc.server.problems import BadRequest
from embedsvc.server.service import Service
from embedsvc.server.text_work import TEXT_KINDS, are_ids, check_items, compute, note

if TYPE_CHECKING:
    from embedsvc.server.image_models import HostedImageEncoder
    from embedsvc.server.text_models import HostedText

Vectors = NDArray[np.float32]


class EmbeddingRequest(Request):
    """Texts, token ids or images to turn into vectors."""

    input: Annotated[
        TextsOrIds,
        Field(
            description="A text, a list of texts, or token ids of /v1/tokenize; for an image model "
            "data URLs of images."
        ),
    ]
    model: ModelName = None
    encoding_format: Annotated[
        Literal["float", "base64"],
        Field(description="base64 is little-endian float32, in half of the size."),
    ] = "float"
    dimensions: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="The first so many components, scaled again."),
    ] = None
    truncate: Truncate = None
    user: Annotated[str | None, Field(description="Taken for OpenAI's sake, and ignored.")] = None


class Embedding(BaseModel):
    """A vector."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingResponse(BaseModel):
    """Vectors in the order of the input."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage
    truncated: Annotated[list[int], Field(description="Which texts were cut.")]


def router(service: Service) -> APIRouter:
    """The endpoint."""
    routes = new_router()

    @routes.post("/v1/embeddings", response_model=EmbeddingResponse)
    async def embeddings(body: EmbeddingRequest, request: HttpRequest) -> Response:
        """Turn texts or images into vectors."""
        model = service.hosting.get(body.model, (*TEXT_KINDS, "image"))
        if model.kind == "image":
            return await _of_images(service, cast("HostedImageEncoder", model), body, request)
        return await _of_texts(service, cast("HostedText", model), body, request)

    return routes


async def _of_texts(
    service: Service, model: HostedText, body: EmbeddingRequest, request: HttpRequest
) -> Response:
    _check_dimensions(body, model.dim)
    computed = await compute(service, model, body.input, truncate=body.truncate)
    n_tokens, n_cut = computed.used_tokens, len(computed.truncated)
    note(request, service, model.name, body.input, n_tokens=n_tokens, n_truncated=n_cut)
    return _answer(
        computed.vectors,
        body,
        {"model": model.name, "usage": usage(n_tokens), "truncated": computed.truncated},
    )


async def _of_images(
    service: Service, model: HostedImageEncoder, body: EmbeddingRequest, request: HttpRequest
) -> Response:
    _check_dimensions(body, model.dim)
    check_items(service, len(body.input))
    pictures = await pictures_of(_urls(body.input), param="input", settings=service.settings)
    vectors = await model.embed(pictures)
    request.state.log |= {"model": model.name, "n_items": len(pictures)}
    return _answer(vectors, body, {"model": model.name, "usage": usage(0), "truncated": []})


def _urls(items: list[str] | list[list[int]]) -> list[str]:
    if are_ids(items):
        raise BadRequest(
            "Expected images as data URLs, got token ids. Send data:image/png;base64,... or name a "
            "model for texts.",
            param="input",
        )
    return cast("list[str]", items)


def _check_dimensions(body: EmbeddingRequest, dim: int) -> None:
    if body.dimensions is not None and body.dimensions > dim:
        raise BadRequest(
            f"Expected dimensions from 1 to {dim}, got {body.dimensions}. Ask for fewer.",
            param="dimensions",
        )


def _answer(vectors: Vectors, body: EmbeddingRequest, fields: dict[str, Any]) -> Response:
    if body.dimensions is not None and body.dimensions < vectors.shape[1]:
        vectors = _shortened(vectors, body.dimensions)
    vectors = np.ascontiguousarray(vectors)
    write: Callable[[Vectors], Any] = _base64 if body.encoding_format == "base64" else _as_it_is

    def item(index: int) -> dict[str, Any]:
        return {"object": "embedding", "index": index, "embedding": write(vectors[index])}

    return list_answer(len(vectors), item, fields)


def _shortened(vectors: Vectors, dimensions: int) -> Vectors:
    """The first components, of the length that the whole vector had."""
    kept = vectors[:, :dimensions]
    lengths = np.linalg.norm(kept, axis=1, keepdims=True)
    whole = np.linalg.norm(vectors, axis=1, keepdims=True)
    shortened: Vectors = (kept * (whole / np.maximum(lengths, 1e-12))).astype(np.float32)
    return shortened


def _base64(vector: Vectors) -> str:
    return base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode("ascii")


def _as_it_is(vector: Vectors) -> Vectors:
    return vector
