"""The application: endpoints behind the gate, and models loaded while it already answers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request

from embedsvc import __version__
from embedsvc.errors import EmbedsvcError
from embedsvc.server.gate import Gate, extra_headers
from embedsvc.server.loading import host
from embedsvc.server.metrics import Metrics
from embedsvc.server.openapi_document import DocumentedApi
from embedsvc.server.problems import BadRequest, problem_of
from embedsvc.server.routes import (
    anomalies,
    classify,
    embeddings,
    health,
    models,
    page,
    similarity,
    tokenize,
)
from embedsvc.server.service import Keys, Service
from embedsvc.server.settings import ServeSettings
from embedsvc.server.trimming import give_back_regularly

Outcome = Callable[[BaseException | None], None]


def create_app(
    settings: ServeSettings,
    *,
    keys: Keys | None = None,
    on_loaded: Outcome = lambda err: None,
    all_ready: Callable[[], bool] = lambda: True,
    load_first: bool = False,
) -> FastAPI:
    """Make the application, an ASGI app for any server.

    Args:
        settings: what is served, and how much at once.
        keys: that requests need; None asks for none.
        on_loaded: called once in the event loop, with None when all models are loaded, or with
            what stands in the way.
        all_ready: whether other processes that answer beside this one are ready too.
        load_first: whether nothing is answered before models are loaded; otherwise it is, with
            status 503.

    Returns:
        The application; `app.state.service` is its `Service`. It loads its models when it starts.

    Example:
        >>> app = create_app(ServeSettings(models=("minilm",)))
    """
    metrics = Metrics()
    service = Service(settings, host(settings, metrics), metrics, keys, all_ready)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        loading = asyncio.create_task(_load(service, on_loaded))
        tasks = [loading, asyncio.create_task(give_back_regularly())]
        if load_first:
            await loading
        yield
        for task in tasks:
            task.cancel()
        await service.hosting.close()

    app = DocumentedApi(
        title="embedsvc",
        version=__version__,
        summary="Vectors of texts and images, and what follows from them.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.asks_for_keys = keys is not None
    app.state.service = service
    endpoints = (embeddings, similarity, classify, anomalies, tokenize, models, health)
    # Not `include_router`, which looks for each request's endpoint in one router after another.
    for router in (*(endpoint.router(service) for endpoint in endpoints), page.router()):
        app.router.routes.extend(router.routes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["retry-after", "x-request-id"],
        )
    app.add_middleware(Gate, service=service)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


async def _load(service: Service, on_loaded: Outcome) -> None:
    try:
        await asyncio.to_thread(service.hosting.load)
        # TensorFlow leaves half a million objects behind, which the garbage collector would look
        # through time and again, 0.3 seconds each.
        gc.collect()
        gc.freeze()
    except Exception as err:  # noqa: BLE001 - whoever started the service is told, whatever it is
        on_loaded(err)
    else:
        on_loaded(None)


# Problems


async def _answer(request: Request, err: Exception) -> JSONResponse:
    problem = problem_of(err)
    request.scope["state"]["problem"] = problem
    return JSONResponse(problem.body(), status_code=problem.status, headers=extra_headers(problem))


async def _answer_http(request: Request, err: Exception) -> JSONResponse:
    """What Starlette refuses by itself: unknown paths and methods."""
    assert isinstance(err, HTTPException)  # noqa: S101 - registered for it alone
    words = {
        404: ("Expected a known path, got another one. GET /docs lists all.", "not_found"),
        405: (
            f"Expected another method for this path than {request.method[:20]}. GET /docs lists "
            "all.",
            "method_not_allowed",
        ),
    }
    message, code = words.get(
        err.status_code, (f"Expected a usable request, got: {err.detail}", "invalid_value")
    )
    problem = BadRequest(message, code=code)
    request.scope["state"]["problem"] = problem
    return JSONResponse(problem.body(), status_code=err.status_code, headers=err.headers)


_HANDLERS: dict[type[Exception], Any] = {
    EmbedsvcError: _answer,
    HTTPException: _answer_http,
}
