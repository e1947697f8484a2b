"""The gate all requests pass: who may come in, how many, how large and how long.

    access -> room -> body -> the endpoint, as long as its client is there -> metrics, log

It is plain ASGI: a wrapper of Starlette's own kind would hide from the endpoint that the client
went away.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from embedsvc.server.access import Access
from embedsvc.server.bodies import Disconnected, Message, Receive, read_body
from embedsvc.server.headers import header, with_safety
from embedsvc.server.logs import log_event, log_failure
from embedsvc.server.problems import NotReady, Overloaded, Problem, TimedOut, problem_of
from embedsvc.server.service import Service

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WORK = "/v1/"
_CLIENT_GONE = 499


class Gate:
    """ASGI middleware around the whole application.

    Args:
        app: what is behind the gate.
        service: whose requests these are.
    """

    def __init__(self, app: App, service: Service) -> None:
        self._app, self._service = app, service
        self._access = Access(service.settings, service.keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, send, self._service)
        try:
            await self._let_in(visit, receive)
        except Disconnected:
            visit.status = _CLIENT_GONE
            self._service.metrics.abandoned.inc()
        except Problem as problem:
            await visit.answer(problem)
        except Exception as err:  # noqa: BLE001 - whatever it is, the client gets an answer
            log_failure("failed", request_id=visit.request_id, route=visit.route())
            await visit.answer(problem_of(err))
        finally:
            visit.close()

    async def _let_in(self, visit: _Visit, receive: Receive) -> None:
        visit.key = self._access.check(visit.scope)
        if not visit.scope["path"].startswith(_WORK) or visit.scope["method"] in ("GET", "HEAD"):
            await self._app(visit.scope, receive, visit.send)
            return
        self._check_room()
        self._service.n_active += 1
        self._service.metrics.active.set(self._service.n_active)
        held = bytearray()
        try:
            held = await read_body(visit.scope, receive, self._service)
            await self._work(visit, held, receive)
        finally:
            self._service.n_bytes -= len(held)
            self._service.n_active -= 1
            self._service.metrics.active.set(self._service.n_active)

    def _check_room(self) -> None:
        self._service.hosting.check_ready()
        most = self._service.settings.max_concurrent
        if self._service.n_active >= most:
            raise Overloaded(
                f"Expected at most {most} requests to be worked on at a time, got another one. Try "
                "again after the seconds in Retry-After.",
                code="too_many_requests",
                retry_after=1.0,
            )

    async def _work(self, visit: _Visit, body: bytearray, receive: Receive) -> None:
        """Run the endpoint until it answers, time is up, or its client is gone."""
        complete: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

        async def whole_body() -> Message:
            nonlocal complete
            if complete is not None:
                message, complete = complete, None
                return message
            # Only Starlette's streaming answers ask twice, to see the client go: the gate does.
            await asyncio.Event().wait()
            raise Disconnected

        gone = _Gone(receive)
        try:
            async with asyncio.timeout(self._service.settings.request_timeout):
                await self._app(visit.scope, whole_body, visit.send)
        except TimeoutError as err:
            raise self._timed_out() from err
        except asyncio.CancelledError as err:
            if gone.seen:
                raise Disconnected from err
            raise
        finally:
            gone.look_no_more()

    def _timed_out(self) -> TimedOut:
        return TimedOut(
            f"Expected an answer within {self._service.settings.request_timeout:g} seconds, got "
            "none yet. Send fewer items at once, or try again when less is going on.",
            retry_after=5.0,
        )


class _Gone:
    """Looks out for the client's going away, and then cancels the task that works for it.

    Attributes:
        seen: whether it has gone.
    """

    def __init__(self, receive: Receive) -> None:
        self.seen = False
        self._work = asyncio.current_task()
        self._look = asyncio.ensure_future(self._until_gone(receive))

    def look_no_more(self) -> None:
        """The work is done."""
        self._look.cancel()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.seen = True
        if self._work is not None:
            self._work.cancel()


class _Visit:
    """One request on its way through: what is known of it, and the answer's first words."""

    def __init__(self, scope: Scope, send: Send, service: Service) -> None:
        self.scope, self._send, self._service = scope, send, service
        self.key: str | None = None
        self.status = 0
        self._problem: Problem | None = None
        self._start = time.perf_counter()
        given = header(scope["headers"], b"x-request-id") or ""
        self.request_id = given if _GIVEN_ID.fullmatch(given) else os.urandom(16).hex()
        scope.setdefault("state", {})["log"] = self.fields = dict[str, Any]()

    async def send(self, message: Message) -> None:
        """Pass a message on, with the service's headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            closing = self._service.stopping
            headers = with_safety(
                message.get("headers", ()), request_id=self.request_id, closing=closing
            )
            message = {**message, "headers": headers}
        await self._send(message)

    async def answer(self, problem: Problem) -> None:
        """Answer with a problem, unless the answer has begun."""
        self._problem = problem
        if self.status:
            return
        body = orjson.dumps(problem.body())
        await self.send(response_start(problem, len(body)))
        await self._send({"type": "http.response.body", "body": body})

    def route(self) -> str:
        """The pattern that took the request; never the path itself, which may hold anything."""
        return str(getattr(self.scope.get("route"), "path", "unknown"))

    def close(self) -> None:
        """Count and log it."""
        seconds = time.perf_counter() - self._start
        route, method = self.route(), _known_method(self.scope["method"])
        metrics = self._service.metrics
        metrics.answered(route, method, self.status, seconds)
        problem = self._problem or self.scope["state"].get("problem")
        if isinstance(problem, (Overloaded, NotReady, TimedOut)):
            metrics.rejections.labels(problem.code).inc()
        log_event(
            "request",
            request_id=self.request_id,
            method=method,
            route=route,
            status=self.status,
            ms=round(seconds * 1000, 1),
            key=self.key,
            code=None if problem is None else problem.code,
            **self.fields,
        )


def response_start(problem: Problem, n_bytes: int) -> Message:
    """The beginning of the answer to a problem, whose body has so many bytes."""
    return {
        "type": "http.response.start",
        "status": problem.status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(n_bytes).encode()),
            *((name.encode(), value.encode()) for name, value in extra_headers(problem).items()),
        ],
    }


def extra_headers(problem: Problem) -> dict[str, str]:
    """What the header of an answer says of a problem."""
    headers = {}
    if problem.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(problem.retry_after)))
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


def _known_method(method: str) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in known else "other"
