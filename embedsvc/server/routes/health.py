"""GET /healthz, /readyz and /metrics: for those who watch the service."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from embedsvc.server.problem_schema import problems, watching_router
from embedsvc.server.problems import NotReady
from embedsvc.server.service import Service

# Only the numbers are text: with `PlainTextResponse` as its class, FastAPI says so of problems too.
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
    **problems(401),
}


class Health(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Requests are answered."""

    status: Literal["ready"] = "ready"


def router(service: Service) -> APIRouter:
    """The endpoints."""
    routes = watching_router()

    @routes.get("/healthz")
    async def healthz() -> Health:
        """Say that the process runs, whether it is ready or not."""
        return Health()

    @routes.get("/readyz", responses=problems(503))
    async def readyz() -> Readiness:
        """Say whether requests are answered: models are loaded and warm, and it is not stopping."""
        if service.stopping:
            raise NotReady(
                "Expected the service to be running, but it is about to stop. Ask another one.",
                code="stopping",
            )
        service.hosting.check_ready()
        if not service.all_ready():
            raise NotReady(
                "Expected all processes of the service to have loaded their models, but one is "
                "still loading. Try again in some seconds.",
                code="loading",
                retry_after=5.0,
            )
        return Readiness()

    @routes.get("/metrics", response_class=Response, responses=_METRICS)
    async def metrics() -> Response:
        """Counts in Prometheus' text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return routes
