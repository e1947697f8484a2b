"""Reading a request's body, all of it, within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from embedsvc.server.headers import header
from embedsvc.server.problems import BadRequest, BodyTooLarge, Overloaded, Problem, WrongMediaType
from embedsvc.server.service import Service

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

# A client that sends too much learns so only when it has sent it: that much is read on and thrown
# away, that long.
_READ_ON_BYTES = 64_000_000
_READ_ON_SECONDS = 5.0


class Disconnected(Exception):  # noqa: N818 - nothing went wrong
    """The client went away before its request was complete."""


async def read_body(scope: Mapping[str, Any], receive: Receive, service: Service) -> bytearray:
    """Read the whole body.

    Memory for it is counted in `service.n_bytes`; the caller gives it back.

    Raises:
        BodyTooLarge: it has more bytes than a request may have.
        Overloaded: other requests hold too many bytes.
        BadRequest: it did not arrive in time.
        WrongMediaType: it is compressed.
        Disconnected: the client went away.
    """
    _check_encoding(scope)
    try:
        _check_length(scope, service)
    except (BodyTooLarge, Overloaded):
        # Who asks first has sent nothing yet.
        if header(scope["headers"], b"expect") is None:
            await _read_on(receive)
        raise
    try:
        async with asyncio.timeout(service.settings.body_timeout):
            return await _gather(receive, service)
    except TimeoutError as err:
        seconds = service.settings.body_timeout
        raise BadRequest(
            f"Expected the whole request within {seconds:g} seconds, got a part of it. Send "
            "less at once, or over a faster line.",
            code="request_timeout",
        ) from err


async def _gather(receive: Receive, service: Service) -> bytearray:
    body = bytearray()
    more = True
    try:
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            more = message.get("more_body", False)
            part = message.get("body", b"")
            _check_size(len(body) + len(part), service)
            _check_memory(len(part), service)
            body += part
            service.n_bytes += len(part)
    except BaseException as err:
        service.n_bytes -= len(body)
        if more and isinstance(err, Problem):
            await _read_on(receive)
        raise
    return body


def _check_encoding(scope: Mapping[str, Any]) -> None:
    encoding = header(scope["headers"], b"content-encoding")
    if encoding not in (None, "", "identity"):
        raise WrongMediaType(
            f"Expected a body that is not compressed, got Content-Encoding: {encoding:.100}. Send "
            "it plain."
        )


def _check_length(scope: Mapping[str, Any], service: Service) -> None:
    length = header(scope["headers"], b"content-length") or "0"
    # What is no number was refused by the HTTP parser.
    n_bytes = int(length) if length.isdecimal() and len(length) < 20 else 0
    _check_size(n_bytes, service)
    _check_memory(n_bytes, service)


def _check_size(n_bytes: int, service: Service) -> None:
    most = service.settings.max_body_bytes
    if n_bytes > most:
        raise BodyTooLarge(
            f"Expected a request of at most {most:,} bytes, got {n_bytes:,} or more. Send it in "
            "several requests."
        )


def _check_memory(n_bytes: int, service: Service) -> None:
    most = service.settings.max_memory_bytes
    if service.n_bytes + n_bytes > most:
        raise Overloaded(
            f"Expected the requests being worked on to hold at most {most:,} bytes, and this one "
            "would exceed that. Try again after the seconds in Retry-After.",
            code="memory_full",
            retry_after=1.0,
        )


async def _read_on(receive: Receive) -> None:
    n_bytes = 0
    try:
        async with asyncio.timeout(_READ_ON_SECONDS):
            while n_bytes < _READ_ON_BYTES:
                message = await receive()
                n_bytes += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
