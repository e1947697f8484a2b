"""The page at / and the API reference at /docs: a few files, read once, never a path of a request.

Addresses within the pages are relative, so that they also work behind a proxy that serves them
below a prefix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PAGES = {"/": "index.html", "/docs": "docs.html"}
_ASSETS = (
    "anomaly_view.js",
    "api.js",
    "classify.js",
    "curl.js",
    "docs.css",
    "docs.js",
    "dom.js",
    "icon.svg",
    "images.js",
    "lines.js",
    "map.js",
    "matrix.js",
    "page.css",
    "page.js",
    "picture_files.js",
    "results.css",
    "schema.js",
    "service_state.js",
    "task.js",
    "texts.js",
    "theme.js",
)


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    headers: dict[str, str]

    def answer(self, request: Request) -> Response:
        """The file, or 304 where the browser has it already."""
        if _has_it(request.headers.get("if-none-match", ""), self.headers["etag"]):
            kept = {name: self.headers[name] for name in ("etag", "cache-control")}
            return Response(status_code=304, headers=kept)
        return Response(self.content, headers=self.headers)


def router() -> APIRouter:
    """The routes of the pages' files; `GET` and `HEAD`, and nothing in the OpenAPI document.

    Example:
        >>> app = FastAPI(docs_url=None, redoc_url=None)
        >>> app.include_router(router())
    """
    routes = APIRouter(include_in_schema=False)
    table = {**_PAGES, **{f"/page/{name}": name for name in _ASSETS}}
    for path, name in table.items():
        routes.add_api_route(path, _endpoint(_read(name)), methods=["GET", "HEAD"], name=name)
    return routes


def _read(name: str) -> _File:
    content = (resources.files("embedsvc.server") / "page" / name).read_bytes()
    return _File(
        content,
        {
            "content-type": _TYPES[name.rsplit(".", 1)[1]],
            "etag": f'"{hashlib.sha256(content).hexdigest()[:20]}"',
            # Asked for again each time, so that an upgrade never mixes old and new files.
            "cache-control": "no-cache",
            "content-security-policy": CONTENT_SECURITY_POLICY,
        },
    )


def _endpoint(file: _File) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return file.answer(request)

    return answer


def _has_it(if_none_match: str, etag: str) -> bool:
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in known or etag in known
