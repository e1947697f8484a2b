"""GET /v1/models: what the service was started with."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from embedsvc.server.hosting import Hosted, Kind
from embedsvc.server.problem_schema import problems, watching_router
from embedsvc.server.service import Service

_ALL: tuple[Kind, ...] = ("text", "image", "classifier", "detector")


class Model(BaseModel):
    """A model; what else is said of it depends on its kind."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["model"] = "model"
    created: Annotated[int, Field(description="When the service loaded it, in Unix seconds.")]
    owned_by: str = "embedsvc"
    kind: Kind


class Models(BaseModel):
    """All models, in the order the service was started with."""

    object: Literal["list"] = "list"
    data: list[Model]


def router(service: Service) -> APIRouter:
    """The endpoints."""
    routes = watching_router()
    started = int(time.time())

    def described(hosted: Hosted) -> Model:
        about: dict[str, Any] = hosted.about()
        return Model(id=hosted.name, created=started, kind=hosted.kind, **about)

    @routes.get("/v1/models", responses=problems(401, 503))
    async def models() -> Models:
        """List the models."""
        service.hosting.check_ready()
        return Models(data=[described(hosted) for hosted in service.hosting])

    @routes.get("/v1/models/{name:path}", responses=problems(401, 404, 503))
    async def model(name: Annotated[str, Path(description="Of the model.")]) -> Model:
        """Describe a model."""
        return described(service.hosting.get(name, _ALL))

    return routes
