"""POST /v1/classify: the labels of texts, by a classifier trained with `embedsvc train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.requests import Request as HttpRequest

from embedsvc.server.answers import list_answer, usage
from embedsvc.server.fields import ModelName, Request, Texts, Truncate, Usage
from embedsvc.server.problem_schema import new_router
from embedsvc.server.service import Service
from embedsvc.server.text_work import compute, note, text_model

if TYPE_CHECKING:
    from embedsvc.classify.classifier import TextClassifier
    from embedsvc.server.text_models import ComputedTexts


class ClassificationRequest(Request):
    """Texts to classify."""

    input: Annotated[Texts, Field(description="A text or a list of texts.")]
    model: ModelName = None
    truncate: Truncate = None


class LabelScore(BaseModel):
    """A label and how likely it is."""

    label: str
    probability: float
    threshold: Annotated[
        float | None,
        Field(description="Above it the label applies; null where the likeliest label wins."),
    ]


class Classification(BaseModel):
    """What the classifier makes of a text."""

    object: Literal["classification"]
    index: int
    labels: Annotated[list[str], Field(description="Those that apply: one, or any number.")]
    scores: Annotated[list[LabelScore], Field(description="Every label, the likeliest first.")]
    n_tokens: int
    truncated: bool


class ClassificationResponse(BaseModel):
    """Classifications in the order of the input."""

    object: Literal["list"]
    model: str
    task: Literal["binary", "multiclass", "multilabel"]
    data: list[Classification]
    usage: Usage


def router(service: Service) -> APIRouter:
    """The endpoint."""
    routes = new_router()

    @routes.post("/v1/classify", response_model=ClassificationResponse)
    async def classify(body: ClassificationRequest, request: HttpRequest) -> Response:
        """Say which labels apply to texts."""
        model = text_model(service, body.model, ("classifier",))
        computed = await compute(service, model, body.input, truncate=body.truncate)
        note(request, service, model.name, body.input, n_tokens=computed.used_tokens)
        assert model.classifier is not None  # noqa: S101 - that is what its kind says
        return _answer(model.name, model.classifier, computed)

    return routes


def _answer(name: str, classifier: TextClassifier, computed: ComputedTexts) -> Response:
    codec, probabilities = classifier.codec_, computed.probabilities
    applying = codec.names(probabilities, classifier.thresholds_) if len(probabilities) else []
    labels = [str(label) for label in codec.labels]
    thresholds: list[float | None] = [None] * len(labels)
    if codec.task != "multiclass":
        thresholds = classifier.thresholds_.tolist()
    cut = set(computed.truncated)

    def item(index: int) -> dict[str, Any]:
        return {
            "object": "classification",
            "index": index,
            "labels": [str(label) for label in applying[index]],
            "scores": _scores(probabilities[index], labels, thresholds),
            "n_tokens": computed.n_tokens[index],
            "truncated": index in cut,
        }

    fields = {"model": name, "task": codec.task, "usage": usage(computed.used_tokens)}
    return list_answer(len(probabilities), item, fields)


def _scores(
    probabilities: NDArray[np.float32], labels: list[str], thresholds: list[float | None]
) -> list[dict[str, Any]]:
    order = np.argsort(-probabilities, kind="stable").tolist()
    return [
        {"label": labels[k], "probability": float(probabilities[k]), "threshold": thresholds[k]}
        for k in order
    ]
