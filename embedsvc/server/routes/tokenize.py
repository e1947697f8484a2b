"""POST /v1/tokenize: what a model sees of a text, and whether all of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from starlette.requests import Request as HttpRequest

from embedsvc.server.answers import list_answer
from embedsvc.server.fields import ModelName, Request, Texts
from embedsvc.server.problem_schema import new_router
from embedsvc.server.service import Service
from embedsvc.server.text_work import note, text_model, tokenize


class TokenizeRequest(Request):
    """Texts to tokenize."""

    input: Annotated[Texts, Field(description="A text or a list of texts.")]
    model: ModelName = None


class Tokens(BaseModel):
    """A text as the model sees it."""

    object: Literal["tokens"]
    index: int
    tokens: Annotated[
        list[int], Field(description="Ids of the whole text, special tokens included.")
    ]
    n_tokens: int
    fits: Annotated[bool, Field(description="Whether the model takes all of them.")]


class TokenizeResponse(BaseModel):
    """Tokens in the order of the input."""

    object: Literal["list"]
    model: str
    max_tokens: Annotated[int, Field(description="Tokens a text that the model takes.")]
    data: list[Tokens]


def router(service: Service) -> APIRouter:
    """The endpoint."""
    routes = new_router()

    @routes.post("/v1/tokenize", response_model=TokenizeResponse)
    async def tokenize_texts(body: TokenizeRequest, request: HttpRequest) -> Response:
        """Turn texts into token ids, as /v1/embeddings takes them."""
        model = text_model(service, body.model)
        tokenized = await tokenize(service, model, body.input)
        note(request, service, model.name, body.input)

        def item(index: int) -> dict[str, object]:
            text = tokenized[index]
            return {
                "object": "tokens",
                "index": index,
                "tokens": model.whole(text),
                "n_tokens": text.n_tokens,
                "fits": text.n_tokens <= model.max_tokens,
            }

        return list_answer(
            len(tokenized), item, {"model": model.name, "max_tokens": model.max_tokens}
        )

    return routes
