"""HTTP/1.1 for callers who are not trusted: uvicorn's protocol with bounds on time and size.

uvicorn waits forever for a request's head and for a client to take its answer, and a head may
have any size. Here each has a limit, and what is refused is answered in the service's own shape.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from embedsvc.server.problems import BadRequest, Problem


class HeadTooLarge(BadRequest):
    """More bytes of headers than the service takes."""

    status = 431
    usual_code = "headers_too_large"


class State(ServerState):
    """What all connections share.

    Attributes:
        stopping: whether the service is about to stop; connections are closed after their answer.
    """

    stopping = False


class Protocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        head_seconds: in which a request's head has to arrive, counted from its first byte, or from
            the beginning of the connection.
        answer_seconds: in which a client has to take what waits for it.
        most_head_bytes: of a head; also of trailers, and of all between two pieces of a body.
    """

    head_seconds = 10.0
    answer_seconds = 60.0
    most_head_bytes = 65_536

    server_state: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits_head = True
        self._bytes_beside_bodies = 0
        self._refused: Problem | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    # What the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._head_timer = _stopped(self._head_timer)
        self._answer_timer = _stopped(self._answer_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as they lead somewhere."""
        self._bytes_beside_bodies += len(data)
        if self._awaits_head and self._head_timer is None:
            self._start_head_timer()
        super().data_received(data)
        if self._bytes_beside_bodies > self.most_head_bytes and not self.transport.is_closing():
            self._refused = self._head_too_large()
            self.send_400_response("")

    def pause_writing(self) -> None:
        """The client is slow to take its answer."""
        super().pause_writing()
        self._answer_timer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken enough of it."""
        self._answer_timer = _stopped(self._answer_timer)
        super().resume_writing()

    # What the parser says; an error raised here ends in `send_400_response`

    def on_url(self, url: bytes) -> None:
        """A part of the path."""
        super().on_url(url)
        self._check_head(len(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers come too late for what was decided on the headers."""
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._check_head(len(self.url) + sum(len(name) + len(one) for name, one in self.headers))
        self._awaits_head = False
        self._bytes_beside_bodies = 0
        self._head_timer = _stopped(self._head_timer)
        super().on_headers_complete()
        if self.server_state.stopping:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._bytes_beside_bodies = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._awaits_head = True
        self._bytes_beside_bodies = 0
        super().on_message_complete()

    # Refusals

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it, once what came before has its answer."""
        del msg
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                cycle.keep_alive = False
                return
            if cycle.response_started:
                self.transport.close()
                return
        problem = self._refused or BadRequest(
            "Expected a request in HTTP/1.1, got something else. Send it with an HTTP client, "
            "without TLS.",
            code="invalid_http",
        )
        body = json.dumps(problem.body()).encode()
        head = [
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode(),
            *(name + b": " + value for name, value in self.server_state.default_headers),
            b"content-type: application/json",
            b"content-length: " + str(len(body)).encode(),
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join([*head, b"", body]))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that is not supported is no news: the request is answered without."""

    def _head_too_large(self) -> HeadTooLarge:
        return HeadTooLarge(
            f"Expected at most {self.most_head_bytes:,} bytes of path and headers, got more. "
            "Send fewer or shorter ones; data belongs in the body."
        )

    def _check_head(self, n_bytes: int) -> None:
        if n_bytes > self.most_head_bytes:
            self._refused = self._head_too_large()
            raise self._refused

    # Time

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            # The next request's head may wait until this one has its answer.
            self._start_head_timer()
        elif not self.transport.is_closing():
            self.transport.close()


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """What to keep of a timer that is no longer wanted: nothing."""
    if timer is not None:
        timer.cancel()
    return None
