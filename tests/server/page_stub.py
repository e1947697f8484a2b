"""A service that answers the page without models: quick, the same each time, and told to fail."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from embedsvc.server.problems import (
    BadRequest,
    NotReady,
    Overloaded,
    Problem,
    Unauthorized,
)
from embedsvc.server.routes.page import router

TEXT = {"id": "minilm", "kind": "text", "dim": 384, "max_tokens": 256}
CLASSIFIER = {
    "id": "topics",
    "kind": "classifier",
    "dim": 384,
    "max_tokens": 256,
    "task": "multilabel",
    "labels": ["delivery", "refund", "login", "praise", "app", "other", "spam", "<b>bold</b>"],
}
DETECTOR = {
    "id": "screws",
    "kind": "detector",
    "method": "patchcore",
    "threshold": 2.31,
    "heatmap": True,
    "size": [224, 224],
}
LONG = 60  # characters of a text that has too many tokens


@dataclass
class Stub:
    """What the service does; tests change it."""

    url: str = ""
    models: list[dict] = field(default_factory=lambda: [TEXT, CLASSIFIER, DETECTOR])
    key: str | None = None
    ready: bool = True
    heatmaps: bool = True
    delay: float = 0.0
    busy: list[float] = field(default_factory=list)  # Retry-After of the next answers
    asked: list[tuple[str, object]] = field(default_factory=list)
    started: int = 0
    gone_away: int = 0
    document: dict = field(default_factory=dict)

    def admit(self, request: Request) -> None:
        """Refuse what has no key, or comes too early."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            raise Unauthorized("Expected the header Authorization: Bearer KEY, got another key.")
        if not self.ready:
            raise NotReady("The models are being loaded.", retry_after=1)

    async def work(self, request: Request) -> None:
        """Take the time that a test wants it to take."""
        self.admit(request)
        if self.busy:
            raise Overloaded("Too much is waiting.", retry_after=self.busy.pop(0))
        end = time.monotonic() + self.delay
        self.started += 1
        while time.monotonic() < end:
            if await request.is_disconnected():
                self.gone_away += 1
                return
            await asyncio.sleep(0.01)

    async def answer_ready(self, request: Request) -> Response:
        if not self.ready:
            raise NotReady("The models are being loaded.", retry_after=1)
        return JSONResponse({"status": "ready"})

    async def answer_models(self, request: Request) -> Response:
        self.admit(request)
        return JSONResponse({"object": "list", "data": self.models})

    async def answer_document(self, request: Request) -> Response:
        return JSONResponse(self.document)

    async def answer_similarity(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(("similarity", body))
        await self.work(request)
        return JSONResponse(similarity_answer(body))

    async def answer_classify(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(("classify", body))
        await self.work(request)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [classification(i, text) for i, text in enumerate(texts)]
        facts = {"object": "list", "model": "topics", "task": "multilabel"}
        return JSONResponse({**facts, "data": data})

    async def answer_anomalies(self, request: Request) -> Response:
        async with request.form() as form:
            files = [(one.filename, await one.read()) for one in form.getlist("image")]
        self.asked.append(("anomalies", [name for name, _ in files]))
        await self.work(request)
        data = [anomaly(i, *file, heatmap=self.heatmaps) for i, file in enumerate(files)]
        if all(one["error"] for one in data):
            raise BadRequest(data[0]["error"]["message"], param="image[0]")
        facts = {"object": "list", "model": "screws", "method": "patchcore", "threshold": 2.31}
        return JSONResponse({**facts, "data": data})


def make_app(stub: Stub) -> FastAPI:
    """The routes that the page asks."""
    asked = {
        "/readyz": ("GET", stub.answer_ready),
        "/v1/models": ("GET", stub.answer_models),
        "/v1/similarity": ("POST", stub.answer_similarity),
        "/v1/classify": ("POST", stub.answer_classify),
        "/v1/anomalies": ("POST", stub.answer_anomalies),
        "/openapi.json": ("GET", stub.answer_document),
    }
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router())
    for path, (method, call) in asked.items():
        app.add_route(path, call, methods=[method])
    app.add_exception_handler(Problem, answer_problem)
    return app


async def answer_problem(request: Request, err: Exception) -> Response:
    """The service's shape of errors."""
    assert isinstance(err, Problem)
    headers = {"X-Request-Id": "req-1"}
    if err.retry_after is not None:
        headers["Retry-After"] = f"{err.retry_after:g}"
    return JSONResponse(err.body(), err.status, headers)


def similarity_answer(body: dict) -> dict:
    """Texts are similar as far as their words are the same."""
    texts = body["input"]
    for i, text in enumerate(texts):
        if len(text) > LONG and not body.get("truncate"):
            raise BadRequest(
                f"Expected at most 256 tokens, got 300 in input[{i}]. Shorten the text, or "
                "allow it to be cut with truncate.",
                param=f"input[{i}]",
            )
    words = [set(text.lower().split()) for text in texts]
    values = np.array([[len(a & b) / (len(a | b) or 1) for b in words] for a in words])
    if len(texts) > 2:
        values[0, 1] = values[1, 0] = -0.25
    centred = values - values.mean(0)
    left, size, _ = np.linalg.svd(centred)
    places = np.zeros((len(texts), 2))
    places[:, : min(2, len(texts))] = (left * size)[:, :2]
    return {
        "object": "similarity",
        "model": "minilm",
        "metric": "cosine",
        "similarity": values.tolist(),
        "map": places.tolist() if body.get("map") else None,
        "truncated": [i for i, text in enumerate(texts) if len(text) > LONG],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def classification(index: int, text: str) -> dict:
    """Every classifier's answer, with one label that applies."""
    chances = [0.93, 0.41, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001]
    labels = CLASSIFIER["labels"]
    scores = [
        {"label": label, "probability": chance, "threshold": 0.5}
        for label, chance in zip(labels, chances, strict=True)
    ]
    cut = len(text) > LONG
    facts = {"object": "classification", "index": index, "n_tokens": 5, "truncated": cut}
    return {**facts, "labels": ["delivery"], "scores": scores}


def anomaly(index: int, name: str, content: bytes, *, heatmap: bool) -> dict:
    """The share of red is the score; a picture that breaks off has its own error."""
    one = {"object": "anomaly", "index": index, "name": name}
    try:
        image = Image.open(io.BytesIO(content)).convert("RGB")
    except (OSError, SyntaxError):
        nothing = dict.fromkeys(("score", "is_anomaly", "p_value", "width", "height", "heatmap"))
        problem = BadRequest(f"Expected an image, got a file that breaks off: {name}.")
        return {**one, **nothing, "error": problem.fields()}
    pixels = np.asarray(image).astype(float)
    red = np.clip(pixels[..., 0] - pixels[..., 1:].max(-1), 0, 255)
    score = 0.4 + float(40 * (red > 60).mean())
    return {
        **one,
        "score": score,
        "is_anomaly": score > 2.31,
        "p_value": 0.01 if score > 2.31 else 0.37,
        "width": image.width,
        "height": image.height,
        "heatmap": heat(red) if heatmap else None,
        "error": None,
    }


def heat(red: np.ndarray) -> str:
    """A PNG with alpha, warm where the picture is red."""
    pixels = np.zeros((*red.shape, 4), np.uint8)
    pixels[..., :3] = (255, 120, 0)
    pixels[..., 3] = np.minimum(2 * red, 230)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def write_part(path: Path, *, scratch: int, size: tuple[int, int] = (320, 240)) -> Path:
    """A grey part with a red scratch of so many pixels."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    ring = np.hypot(rows - height / 2, columns - width / 2)
    grey = np.where(abs(ring - height / 3) < height / 10, 150, 210) + (columns // 4 % 3)
    pixels = np.repeat(grey[..., None], 3, -1).astype(np.uint8)
    pixels[60 : 60 + scratch, 90 : 90 + 2 * scratch] = (200, 40, 30)
    Image.fromarray(pixels).save(path)
    return path


@contextmanager
def served(stub: Stub) -> Iterator[Stub]:
    """The stub on a free port of this machine, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(make_app(stub), log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    stub.url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    try:
        yield stub
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()
